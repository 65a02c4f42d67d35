// A file system in a file, on a loop device, whose power can be cut: everything that was not forced to
// the device is gone, and all later I/O fails. Linux, as root; mounts and devices are given back.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type FileSystem = 'ext4' | 'xfs'

/** The least that mkfs.xfs takes is 300 MiB. */
const IMAGE_MIB = 512
const UNMOUNT_ATTEMPTS = 50

export class RemovableDisk {
  /** Where it is mounted. */
  readonly mountPoint: string
  readonly #base: string
  readonly #fileSystem: FileSystem
  readonly #device: string
  #isMounted = false

  private constructor(base: string, fileSystem: FileSystem, device: string) {
    this.#base = base
    this.#fileSystem = fileSystem
    this.#device = device
    this.mountPoint = join(base, 'mnt')
  }

  /** Makes and mounts an empty one. @throws Error when this machine or user cannot */
  static make(fileSystem: FileSystem): RemovableDisk {
    const base = mkdtempSync(join(tmpdir(), `millrace-power-loss-${fileSystem}-`))
    const image = join(base, 'image')
    mkdirSync(join(base, 'mnt'))
    run('truncate', '-s', `${IMAGE_MIB}M`, image)
    run(`mkfs.${fileSystem}`, '-q', image)
    // Without direct I/O the image's own page cache would stand between the file system and the disk.
    const device = run('losetup', '--find', '--show', '--direct-io=on', image).trim()
    const disk = new RemovableDisk(base, fileSystem, device)
    disk.mount()
    return disk
  }

  /** The file system's own journal is replayed here, as after a power cut. */
  mount(): void {
    run('mount', '-t', this.#fileSystem, this.#device, this.mountPoint)
    this.#isMounted = true
  }

  cutPower(): void {
    run('xfs_io', '-x', '-c', 'shutdown', this.mountPoint)
  }

  unmount(): void {
    for (let attempt = 1; this.#isMounted; attempt++) {
      try {
        run('umount', this.mountPoint)
        this.#isMounted = false
      } catch (error) {
        // The kernel may hold files of a killed process for a moment.
        if (attempt === UNMOUNT_ATTEMPTS) throw error
        run('sleep', '0.1')
      }
    }
  }

  remove(): void {
    this.unmount()
    run('losetup', '--detach', this.#device)
    rmSync(this.#base, { recursive: true, force: true })
  }
}

function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
