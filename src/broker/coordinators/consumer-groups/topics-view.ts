// The topics of the broker as the groups see them, and the hash by which a group notices that those it
// subscribes to have changed. Kafka hashes the same facts in its own way: a group that moves to the
// other broker notices a difference once, and rebalances to what it has. Source: KIP-1101.

export interface TopicFacts {
  readonly id: string
  readonly name: string
  readonly partitions: number
}

export interface TopicsView {
  /** Grows whenever a topic comes, goes or gets partitions. */
  readonly version: number
  byName(name: string): TopicFacts | undefined
  byId(id: string): TopicFacts | undefined
}

/** @returns 0 when none of them exists */
export function hashOfTopics(names: Iterable<string>, topics: TopicsView): number {
  const facts: string[] = []
  for (const name of names) {
    const topic = topics.byName(name)
    if (topic !== undefined) facts.push(`${topic.name} ${topic.id} ${topic.partitions}`)
  }
  return facts.length === 0 ? 0 : hashOf(facts.sort())
}

const FNV_PRIME = 0x0100_0193

/** FNV-1a twice, from different beginnings: 53 bits, never 0. */
function hashOf(lines: readonly string[]): number {
  let high = 0x811c_9dc5
  let low = 0x050c_5d1f
  for (const line of lines) {
    for (let index = 0; index <= line.length; index++) {
      const code = index === line.length ? 0x0a : line.charCodeAt(index)
      high = Math.imul(high ^ code, FNV_PRIME)
      low = Math.imul(low ^ (code + 0x9e37), FNV_PRIME)
    }
  }
  return (high >>> 11) * 0x1_0000_0000 + (low >>> 0) || 1
}
