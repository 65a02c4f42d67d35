// How many bytes of answers the whole broker holds for clients that have not taken them yet, and who
// has to wait. A fetch takes room before it reads, and gives it back when its answer is with the
// operating system; without room it waits. Nobody gets more than a share of what is left, so that few
// large answers do not take all of it.
// Invariant: what is held is at most the limit and one batch. Who waits gets on: connections whose
// peers have taken nothing for `patienceMs` are closed while others wait, the longest silent first.

import type { Clock, Timer, Timers } from '../../host/clock.ts'

/** A connection with an answer that its peer has not taken. */
export interface SlowReader {
  readonly lastActiveMs: number
  close(reason: string): void
}

export interface Patience {
  readonly clock: Clock
  readonly timers: Timers
  /** `millrace.slow.reader.timeout.ms` */
  readonly patienceMs: number
  /** Somebody has to wait. */
  readonly onWait: () => void
  readonly onClosed: () => void
}

interface Waiter {
  readonly bytes: Wanted
  readonly resolve: (granted: number) => void
}

export interface Wanted {
  readonly bytes: number
  /** Of one batch: that much is granted as soon as anything is. */
  readonly leastBytes: number
}

/** Of what is left, for one answer. */
const LARGEST_SHARE = 1 / 4

export class ResponseMemory {
  readonly limitBytes: number
  readonly #patience: Patience | undefined
  readonly #waiters = new Set<Waiter>()
  readonly #readers = new Set<SlowReader>()
  #usedBytes = 0
  #timer: Timer | undefined

  /** @param patience without it no connection is closed for the sake of others */
  constructor(limitBytes: number, patience?: Patience) {
    this.limitBytes = limitBytes
    this.#patience = patience
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  get waitingCount(): number {
    return this.#waiters.size
  }

  /** Who asks for more has to wait. */
  get isFull(): boolean {
    return this.#usedBytes > 0 && this.#usedBytes >= this.limitBytes
  }

  /**
   * Takes room for an answer that is about to be read.
   * @returns how many bytes there is room for, now or later; 0 when the connection has closed
   */
  reserve(
    wanted: Wanted,
    connection: { onClose(listener: () => void): () => void },
  ): number | Promise<number> {
    if (!this.isFull && this.#waiters.size === 0) return this.#grant(wanted)
    const { promise, resolve } = Promise.withResolvers<number>()
    const waiter: Waiter = {
      bytes: wanted,
      resolve: (granted) => {
        stopListening()
        resolve(granted)
      },
    }
    const stopListening = connection.onClose(() => {
      if (this.#waiters.delete(waiter)) resolve(0)
    })
    this.#waiters.add(waiter)
    this.#patience?.onWait()
    this.#watch()
    return promise
  }

  /** Bytes that exist, whatever the limit says; negative: fewer than were reserved. */
  add(bytes: number): void {
    this.#usedBytes += bytes
    if (bytes < 0) this.#wake()
  }

  release(bytes: number): void {
    this.#usedBytes -= bytes
    this.#wake()
  }

  /** From now on this connection holds an answer that its peer has not taken. */
  addReader(reader: SlowReader): void {
    this.#readers.add(reader)
  }

  removeReader(reader: SlowReader): void {
    this.#readers.delete(reader)
  }

  #grant({ bytes, leastBytes }: Wanted): number {
    const roomBytes = Math.max(0, this.limitBytes - this.#usedBytes)
    const granted = Math.min(bytes, Math.max(leastBytes, Math.floor(roomBytes * LARGEST_SHARE)))
    this.#usedBytes += granted
    return granted
  }

  #wake(): void {
    for (const waiter of this.#waiters) {
      if (this.isFull) return
      this.#waiters.delete(waiter)
      waiter.resolve(this.#grant(waiter.bytes))
    }
  }

  /** While anybody waits, those who take nothing are looked for. */
  #watch(): void {
    if (this.#patience === undefined || this.#timer !== undefined) return
    const { timers, patienceMs } = this.#patience
    this.#timer = timers.after(patienceMs, () => {
      this.#timer = undefined
      if (this.#waiters.size === 0) return
      this.#closeSlowest()
      if (this.#waiters.size > 0) this.#watch()
    })
  }

  #closeSlowest(): void {
    const { clock, patienceMs, onClosed } = this.#patience!
    const sinceMs = clock.monotonicMs() - patienceMs
    const slow = [...this.#readers].filter(({ lastActiveMs }) => lastActiveMs <= sinceMs)
    for (const reader of slow.sort((a, b) => a.lastActiveMs - b.lastActiveMs)) {
      if (this.#waiters.size === 0) return
      reader.close('the peer takes no answers, and others wait for the memory that they hold')
      onClosed()
    }
  }
}
