// The port to files: what the log needs from an operating system, and no more. Three
// implementations stand behind it: real files (node-disk.ts), memory (memory-disk.ts, in-memory
// mode) and the simulated disk of the crash tests, which cuts the power and loses what was not
// synced. Paths are relative to the data folder, with forward slashes.
// Invariant: what `sync` returned for survives a power cut; a file's *name* survives only once
// `syncFolder` of its folder has returned as well.

export interface Disk {
  /** Opens for reading and writing; `create` makes the file when it is missing. @throws DiskError */
  open(path: string, options?: { create?: boolean; readOnly?: boolean }): Promise<DiskFile>
  /** Names of files and folders in a folder, unsorted; empty when the folder is missing. */
  list(folder: string): Promise<string[]>
  /** undefined when nothing is there. */
  stat(path: string): Promise<{ size: number; isFolder: boolean; modifiedMs: number } | undefined>
  /** Whole content; undefined when the file is missing. */
  readFile(path: string): Promise<Buffer | undefined>
  /** Replaces a file in one step (temporary file, sync, rename, sync of the folder). */
  replaceFile(path: string, content: Buffer | string): Promise<void>
  /** Makes the folder and its parents; no error when it is there. */
  makeFolder(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** Removes a file or a whole folder; no error when nothing is there. */
  remove(path: string): Promise<void>
  /** Makes the names in a folder durable: creations, renames and removals. */
  syncFolder(path: string): Promise<void>
}

export interface DiskFile {
  readonly path: string
  /** Bytes read; fewer than asked only at the end of the file. */
  read(target: Buffer, position: number): Promise<number>
  readSync(target: Buffer, position: number): number
  /** Gathers the buffers into one write at `position`; handles short writes. @throws DiskError */
  write(buffers: readonly Buffer[], position: number): Promise<void>
  writeSync(buffers: readonly Buffer[], position: number): void
  /** Makes the content durable (fdatasync). A failure is final: the caller never retries it. */
  sync(): Promise<void>
  size(): Promise<number>
  truncate(size: number): Promise<void>
  /** Reserves space so that later writes below `size` neither move the end nor run out of space. */
  preallocate(size: number): Promise<void>
  close(): Promise<void>
}

export type DiskErrorCode = 'no-space' | 'io' | 'permission' | 'not-found' | 'too-many-files'

/** What went wrong on the disk, in the few kinds that the log treats differently. */
export class DiskError extends Error {
  override readonly name = 'DiskError'
  readonly code: DiskErrorCode
  readonly path: string

  constructor(code: DiskErrorCode, path: string, cause: unknown) {
    super(`${code} on ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    })
    this.code = code
    this.path = path
  }
}
