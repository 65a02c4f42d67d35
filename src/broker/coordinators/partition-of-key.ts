// Which partition of its topic keeps a group or a transactional id: Kafka's own rule, so that its tools
// and a folder that Kafka wrote agree with us. Source: java.lang.String.hashCode, modulo the partitions.

export function partitionOfKey(key: string, partitionCount: number): number {
  let hash = 0
  for (let index = 0; index < key.length; index++) {
    hash = (Math.imul(hash, 31) + key.charCodeAt(index)) | 0
  }
  // The smallest int32 has no positive counterpart in Java; Kafka takes 0 for it.
  const positive = hash === -0x8000_0000 ? 0 : Math.abs(hash)
  return positive % partitionCount
}
