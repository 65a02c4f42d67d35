// Hashes of short byte strings for the tables of the stream index: seeded, so that nobody can prepare
// names that all fall into one place; fast, because every event of a rebuild passes here. They are signed:
// whoever hands on a number beyond 2^31 may make an object of it.

const PRIME_A = 0x9e3779b1
const PRIME_B = 0x85ebca6b
const PRIME_C = 0xc2b2ae35

/** A 32-bit hash of `bytes` from `start` to `end` (exclusive). */
export function hashBytes(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let hash = seed ^ (end - start)
  let at = start
  for (; at + 4 <= end; at += 4) {
    const word =
      bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    hash = Math.imul(hash ^ word, PRIME_A)
    hash ^= hash >>> 15
  }
  for (; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, PRIME_B)
  return finish(hash)
}

/** `hashBytes` with two seeds, in one pass. @param into gets both */
export function hashTwice(
  bytes: Uint8Array,
  start: number,
  end: number,
  firstSeed: number,
  secondSeed: number,
  into: Int32Array,
): void {
  let one = firstSeed ^ (end - start)
  let two = secondSeed ^ (end - start)
  let at = start
  for (; at + 4 <= end; at += 4) {
    const word =
      bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    one = Math.imul(one ^ word, PRIME_A)
    one ^= one >>> 15
    two = Math.imul(two ^ word, PRIME_A)
    two ^= two >>> 15
  }
  for (; at < end; at++) {
    one = Math.imul(one ^ bytes[at]!, PRIME_B)
    two = Math.imul(two ^ bytes[at]!, PRIME_B)
  }
  into[0] = finish(one)
  into[1] = finish(two)
}

function finish(unfinished: number): number {
  let hash = unfinished
  hash ^= hash >>> 16
  hash = Math.imul(hash, PRIME_B)
  hash ^= hash >>> 13
  hash = Math.imul(hash, PRIME_C)
  return hash ^ (hash >>> 16)
}
