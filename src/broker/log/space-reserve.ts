// Space that is set aside for what must go on when the disk is full: deletions, what they have to
// note, and what a start and a stop write. Given up by the first of these that finds no space, and
// taken again, without anybody asking, once there is room.
// Invariant: while it is given up, only they write. Producers would have eaten it in a moment, and
// then not even a deletion could help any more.

import type { Timer, Timers } from '../../host/clock.ts'
import { type Disk, DiskError } from '../../host/disk.ts'

const RETAKE_MS = 1000

export interface SpaceReserveOptions {
  readonly disk: Disk
  readonly timers: Timers
  readonly path: string
  /** 0: nothing is set aside. */
  readonly sizeBytes: number
  /** Resolves once nobody writes any more but those whom the reserve is for. */
  readonly untilQuiet: () => Promise<void>
  /** It was given up, or taken again. */
  readonly onChange: (isGivenUp: boolean) => void
}

export class SpaceReserve {
  readonly #options: SpaceReserveOptions
  #isHeld: boolean
  #isGivenUp = false
  #isClosed = false
  /** One at a time: giving up and taking again. */
  #busy: Promise<void> = Promise.resolve()
  #retake: Timer | undefined

  private constructor(options: SpaceReserveOptions, isHeld: boolean) {
    this.#options = options
    this.#isHeld = isHeld
  }

  /** Finds what an earlier run has set aside. */
  static async open(options: SpaceReserveOptions): Promise<SpaceReserve> {
    const { disk, path, sizeBytes } = options
    const stat = sizeBytes > 0 ? await disk.stat(path) : undefined
    return new SpaceReserve(options, stat !== undefined && stat.size >= sizeBytes)
  }

  /** There is no space but for those whom the reserve is for. */
  get isGivenUp(): boolean {
    return this.#isGivenUp
  }

  /** Sets the space aside, unless that was done before; tries again until there is enough. */
  take(): Promise<void> {
    return this.#exclusively(async () => {
      if (this.#isHeld || this.#isClosed || this.#options.sizeBytes === 0) return
      const isTaken = await this.#resize(this.#options.sizeBytes)
      if (isTaken) this.#set({ isHeld: true, isGivenUp: false })
      else this.#goWithout()
    })
  }

  /** Does the work; when it finds no space, gives the reserve up and does it once more. */
  async use<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!isNoSpace(error) || !(await this.giveUp())) throw error
      return await work()
    }
  }

  /** @returns whether there may be more space now than a moment ago */
  async giveUp(): Promise<boolean> {
    await this.#exclusively(async () => {
      if (!this.#isHeld) return
      this.#set({ isHeld: false, isGivenUp: true })
      await this.#options.untilQuiet()
      await this.#resize(0)
      this.#goWithout()
    })
    return this.#isGivenUp
  }

  /** What was given up is taken again by the next start. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#retake?.cancel()
    await this.#busy
  }

  #goWithout(): void {
    this.#set({ isHeld: false, isGivenUp: true })
    if (this.#isClosed) return
    this.#retake?.cancel()
    this.#retake = this.#options.timers.after(RETAKE_MS, () => this.take())
  }

  #set({ isHeld, isGivenUp }: { isHeld: boolean; isGivenUp: boolean }): void {
    const isChanged = this.#isGivenUp !== isGivenUp
    this.#isHeld = isHeld
    this.#isGivenUp = isGivenUp
    if (isChanged) this.#options.onChange(isGivenUp)
  }

  /** @returns false when there is no space for so much: then none of it is taken */
  async #resize(sizeBytes: number): Promise<boolean> {
    const { disk, path } = this.#options
    const file = await disk.open(path, { create: true })
    try {
      if (sizeBytes === 0) await file.truncate(0)
      else await file.preallocate(sizeBytes)
      return true
    } catch (error) {
      if (!isNoSpace(error)) throw error
      await file.truncate(0)
      return false
    } finally {
      await file.close()
    }
  }

  /** A reserve that cannot be kept for another reason is none; who fails is told where it matters. */
  #exclusively(change: () => Promise<void>): Promise<void> {
    this.#busy = this.#busy.then(change).catch((error: unknown) => {
      if (!(error instanceof DiskError)) throw error
      if (!isNoSpace(error)) this.#set({ isHeld: false, isGivenUp: false })
      else this.#goWithout()
    })
    return this.#busy
  }
}

export function isNoSpace(error: unknown): boolean {
  return error instanceof DiskError && error.code === 'no-space'
}
