// How much memory a process has had, as the operating system says, looked at often.
import { readFileSync } from 'node:fs'

/** The collector's and the allocator's: what is freed does not go back to the system at once. */
export const SLACK_BYTES = 144 * 1024 * 1024

const LOOK_EVERY_MS = 20

export class ResidentMemory {
  readonly #pid: number
  readonly #bytesBefore: number
  readonly #timer: NodeJS.Timeout
  #mostBytes: number

  constructor(pid: number) {
    this.#pid = pid
    this.#bytesBefore = residentBytes(pid)
    this.#mostBytes = this.#bytesBefore
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS)
  }

  /** How much more than at first it has had at most. */
  get grownBytes(): number {
    return this.#mostBytes - this.#bytesBefore
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    this.#mostBytes = Math.max(this.#mostBytes, residentBytes(this.#pid))
  }
}

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) * 1024
}
