// Identities of events. New ones are UUIDs of version 7: they sort by the time they were made, and
// within a process each is greater than the one before, whatever the clock does. Identities that must
// come out the same again (the outputs of a handler, an idempotent command) are made of what they
// depend on: SHA-256 as a UUID of version 8. Source: RFC 9562, sections 5.7, 5.8, 6.2 and B.2.

import { hash } from 'node:crypto'
import type { Clock } from '../../host/clock.ts'
import type { Random } from '../../host/random.ts'

const COUNTER_END = 0x1000
/** A millisecond begins its count in the lower half, so that there is room above. */
const COUNTER_START_MASK = 0x7ff
const RANDOM_BYTES = 8
const POOL_BYTES = 512 * (RANDOM_BYTES + 2)

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Layout: 48 bits of milliseconds, version, 12 bits of counter, variant, 62 random bits. */
export class EventIds {
  readonly #clock: Clock
  readonly #random: Random
  #pool: Buffer = Buffer.alloc(0)
  #used = 0
  #lastMs = -1
  #counter = 0
  /** `xxxxxxxx-xxxx-7`: the same for a millisecond. */
  #prefix = ''

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  next(): string {
    const nowMs = Math.max(0, this.#clock.nowMs())
    if (nowMs > this.#lastMs) this.#begin(nowMs)
    else if (++this.#counter === COUNTER_END) this.#begin(this.#lastMs + 1)
    const at = this.#take(RANDOM_BYTES)
    const pool = this.#pool
    const counter = this.#counter
    return (
      this.#prefix +
      HEX[counter >> 8]![1] +
      HEX[counter & 0xff] +
      '-' +
      HEX[(pool[at]! & 0x3f) | 0x80] +
      HEX[pool[at + 1]!] +
      '-' +
      HEX[pool[at + 2]!] +
      HEX[pool[at + 3]!] +
      HEX[pool[at + 4]!] +
      HEX[pool[at + 5]!] +
      HEX[pool[at + 6]!] +
      HEX[pool[at + 7]!]
    )
  }

  // A clock that goes back, or more ids than a millisecond has numbers for: the ids run ahead of it.
  #begin(ms: number): void {
    this.#lastMs = ms
    const at = this.#take(2)
    this.#counter = this.#pool.readUInt16BE(at) & COUNTER_START_MASK
    const hex = ms.toString(16).padStart(12, '0')
    this.#prefix = `${hex.slice(0, 8)}-${hex.slice(8)}-7`
  }

  #take(bytes: number): number {
    if (this.#used + bytes > this.#pool.length) {
      this.#pool = this.#random.bytes(POOL_BYTES)
      this.#used = 0
    }
    const at = this.#used
    this.#used += bytes
    return at
  }
}

/** The same parts give the same id, in any process. */
export function derivedId(...parts: readonly (string | number)[]): string {
  const hex = hash('sha256', JSON.stringify(parts), 'hex')
  const variant = HEX[(Number.parseInt(hex.slice(16, 18), 16) & 0x3f) | 0x80]
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(18, 20)}-${hex.slice(20, 32)}`
}
