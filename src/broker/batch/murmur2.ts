// The hash with which Kafka's Java producer chooses the partition of a keyed record. Every client
// that must put equal keys into equal partitions has to compute exactly this.
// Source: MurmurHash2 by Austin Appleby (public domain), 32 bits, with Kafka's seed.

const SEED = 0x9747b28c
const MULTIPLIER = 0x5bd1e995
const SHIFT = 24

/** Unsigned 32 bits. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length
  let hash = (SEED ^ length) >>> 0
  let at = 0
  for (; at + 4 <= length; at += 4) {
    let word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    word = Math.imul(word, MULTIPLIER)
    word ^= word >>> SHIFT
    word = Math.imul(word, MULTIPLIER)
    hash = Math.imul(hash, MULTIPLIER) ^ word
  }
  const rest = length - at
  if (rest >= 3) hash ^= bytes[at + 2]! << 16
  if (rest >= 2) hash ^= bytes[at + 1]! << 8
  if (rest >= 1) hash = Math.imul(hash ^ bytes[at]!, MULTIPLIER)
  hash ^= hash >>> 13
  hash = Math.imul(hash, MULTIPLIER)
  hash ^= hash >>> 15
  return hash >>> 0
}

/** The partition of a keyed record, 0 up to `partitionCount`, as Java's default partitioner. */
export function partitionOfKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fff_ffff) % partitionCount
}
