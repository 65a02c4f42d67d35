// The version of everything in the data folder, in the file `format`. It is read before anything else
// is, so that a folder of a later version is refused with nothing in it touched.

import type { Disk } from '../../host/disk.ts'

const FORMAT_FILE = 'format'
const FORMAT_VERSION = '1'
/** The catalogue: a folder that has it was written by us, and so must say its version. */
export const CATALOG_FOLDER = 'meta'

export class UnknownFormatError extends Error {
  override readonly name = 'UnknownFormatError'
}

/** Marks a new folder, and refuses one that this version cannot read. @throws UnknownFormatError */
export async function checkFormatVersion(disk: Disk): Promise<void> {
  if (await hasFormatVersion(disk)) return
  await disk.replaceFile(FORMAT_FILE, `${FORMAT_VERSION}\n`)
}

/**
 * Whether the folder is one that this version wrote; false when it says nothing of itself. Touches
 * nothing. @throws UnknownFormatError
 */
export async function hasFormatVersion(disk: Disk): Promise<boolean> {
  const content = await disk.readFile(FORMAT_FILE)
  const version = content?.toString().trim()
  if (version === FORMAT_VERSION) return true
  if (version !== undefined) {
    throw new UnknownFormatError(
      `The data folder has format version '${version}', and this Millrace reads version ${FORMAT_VERSION}. Nothing was touched: start the version that wrote it.`,
    )
  }
  if ((await disk.stat(CATALOG_FOLDER)) !== undefined) {
    throw new UnknownFormatError(
      `The data folder has a catalogue but no file '${FORMAT_FILE}' that says its version. Nothing was touched: restore the file, with the content ${FORMAT_VERSION}.`,
    )
  }
  return false
}
