// Which partition of __consumer_offsets keeps a group: Kafka's own rule, so that its tools and a
// folder that Kafka wrote agree with us. Source: java.lang.String.hashCode, modulo the partitions.

export function partitionOfGroup(groupId: string, partitionCount: number): number {
  let hash = 0
  for (let index = 0; index < groupId.length; index++) {
    hash = (Math.imul(hash, 31) + groupId.charCodeAt(index)) | 0
  }
  // The smallest int32 has no positive counterpart in Java; Kafka takes 0 for it.
  const positive = hash === -0x8000_0000 ? 0 : Math.abs(hash)
  return positive % partitionCount
}
