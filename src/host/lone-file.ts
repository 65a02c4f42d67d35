// A single file outside of the data folder that is replaced as a whole.

import { basename, dirname } from 'node:path'
import { nodeDisk } from './node-disk.ts'

/** @returns replaces the file in one step; its folder must be there. @throws DiskError */
export function loneFile(path: string): (content: string) => Promise<void> {
  const disk = nodeDisk(dirname(path))
  return (content) => disk.replaceFile(basename(path), content)
}
