// Whether the last run ended in good order: the file `clean-stop` says so. Then a start trusts what
// the logs noted about themselves; otherwise it looks at their ends and raises the leader epoch.
// Invariant: the file is durably gone before anything is written, and comes last of all.

import type { Disk } from '../../host/disk.ts'

const CLEAN_STOP_FILE = 'clean-stop'

/** Reads the mark and takes it away. */
export async function takeCleanStop(disk: Disk): Promise<boolean> {
  if ((await disk.stat(CLEAN_STOP_FILE)) === undefined) return false
  await disk.remove(CLEAN_STOP_FILE)
  await disk.syncFolder('.')
  return true
}

export async function markCleanStop(disk: Disk): Promise<void> {
  await disk.replaceFile(CLEAN_STOP_FILE, '')
}
