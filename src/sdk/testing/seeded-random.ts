// Randomness that repeats: the same seed gives the same numbers on every machine.

import type { Random } from '../../host/random.ts'

const GOLDEN_GAMMA = 0x9e3779b9
const UUID_BYTES = 16

export class SeededRandom implements Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** At least 0, below 1. */
  fraction(): number {
    return this.#next() / 2 ** 32
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length)
    for (let i = 0; i < length; i++) bytes[i] = this.#next() >>> 24
    return bytes
  }

  uuid(): string {
    const bytes = this.bytes(UUID_BYTES)
    bytes[0] = bytes[0]! & 0x7f // base64url writes '-' only for the bits 111110
    bytes[6] = (bytes[6]! & 0x0f) | 0x40 // version 4
    bytes[8] = (bytes[8]! & 0x3f) | 0x80 // RFC 9562 variant
    return bytes.toString('base64url')
  }

  /** A Weyl sequence, each value mixed by two rounds of shift and multiply (after SplitMix). */
  #next(): number {
    this.#state = (this.#state + GOLDEN_GAMMA) | 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    return (mixed ^ (mixed >>> 16)) >>> 0
  }
}
