// What the outside world knows of a cluster beside its records: ids, topics, commits, watermarks,
// epochs. Of what was asked for and never answered either outcome is right, until one is seen.
import { BreachError, Ledger } from '../crash/ledger.ts'

/** A topic as the cluster shows it. */
export interface SeenTopic {
  readonly name: string
  readonly topicId: string
  readonly partitions: number
}

export interface TopicFacts {
  readonly name: string
  /** undefined: asked for, and not answered. */
  exists: boolean | undefined
  topicId: string | undefined
  /** Told apart by records: a topic that is made again begins empty. */
  incarnation: number
  minPartitions: number
  maxPartitions: number
  /** What `retention.ms` may be. */
  readonly retentions: Set<string>
}

interface Committed {
  acknowledged: number
  readonly asked: Set<number>
}

export class ClusterLedger {
  readonly records = new Ledger()
  readonly #topics = new Map<string, TopicFacts>()
  readonly #producerIds = new Set<number>()
  readonly #committed = new Map<string, Committed>()
  readonly #logStarts = new Map<string, number>()
  /** As told in earlier lives, and in this one. */
  readonly #watermarkFloors = new Map<string, number>()
  readonly #watermarks = new Map<string, number>()
  readonly #epochs = new Map<string, number>()
  #clusterId: string | undefined
  /** Since epochs were last seen. */
  #uncleanEnds: 'none' | 'perhaps' | 'some' = 'none'
  commits = 0

  /**
   * @param end.hasServed it answered somebody; before that it may not even have begun
   * @param end.isClean everything was closed in good order
   */
  lifeEnded(end: { hasServed: boolean; isClean: boolean; hasPower: boolean }): void {
    const { hasServed, isClean, hasPower } = end
    if (!isClean && hasServed) this.#uncleanEnds = 'some'
    else if (!isClean && this.#uncleanEnds === 'none') this.#uncleanEnds = 'perhaps'
    if (!hasPower) this.records.powerLost()
    for (const [partition, seen] of this.#watermarks) this.#watermarkFloors.set(partition, seen)
  }

  sawCluster(clusterId: string): void {
    this.#clusterId ??= clusterId
    if (clusterId === this.#clusterId) return
    throw new BreachError('changed', `the cluster was ${this.#clusterId} and is ${clusterId}`)
  }

  gaveProducerId(producerId: number): void {
    if (this.#producerIds.has(producerId)) throw new BreachError('id reused', `${producerId}`)
    this.#producerIds.add(producerId)
  }

  // Topics.

  topic(name: string): TopicFacts | undefined {
    return this.#topics.get(name)
  }

  /** That are known to be there. */
  topics(): TopicFacts[] {
    return [...this.#topics.values()].filter(({ exists }) => exists === true)
  }

  createAsked(name: string, partitions: number, retention: string): void {
    this.#topics.set(name, {
      name,
      exists: undefined,
      topicId: undefined,
      incarnation: (this.#topics.get(name)?.incarnation ?? 0) + 1,
      minPartitions: partitions,
      maxPartitions: partitions,
      retentions: new Set([retention]),
    })
  }

  created(name: string, topicId: string): void {
    const topic = this.#topics.get(name)!
    topic.exists = true
    topic.topicId = topicId
  }

  /** @param seen every topic that the cluster shows, but internal ones */
  sawTopics(seen: readonly SeenTopic[]): void {
    const byName = new Map(seen.map((topic) => [topic.name, topic]))
    for (const { name } of seen) {
      if (!this.#topics.has(name)) throw new BreachError('invented', `topic ${name}`)
    }
    for (const topic of this.#topics.values()) {
      const found = byName.get(topic.name)
      if (found === undefined) {
        if (topic.exists === true) throw new BreachError('lost', `topic ${topic.name}`)
        topic.exists = false
        continue
      }
      this.#compareTopic(topic, found)
    }
  }

  sawRetention(name: string, value: string): void {
    const { retentions } = this.#topics.get(name)!
    if (!retentions.has(value)) {
      const expected = [...retentions].join(' or ')
      throw new BreachError('lost', `retention.ms of ${name} is ${value}, expected ${expected}`)
    }
    retentions.clear()
    retentions.add(value)
  }

  // Groups.

  commitAsked(group: string, partition: string, offset: number): void {
    this.#commitsOf(group, partition).asked.add(offset)
  }

  commitAcknowledged(group: string, partition: string, offset: number): void {
    const committed = this.#commitsOf(group, partition)
    committed.acknowledged = Math.max(committed.acknowledged, offset)
    this.commits++
  }

  /** @param offset -1: none */
  sawCommitted(group: string, partition: string, offset: number): void {
    const { acknowledged, asked } = this.#commitsOf(group, partition)
    const what = `${group} ${partition}: ${acknowledged} was acknowledged, ${offset} is committed`
    if (offset < acknowledged) throw new BreachError('went back', what)
    if (offset >= 0 && !asked.has(offset)) throw new BreachError('invented', what)
  }

  // Partitions.

  sawHighWatermark(partition: string, offset: number): void {
    const floor = this.#watermarkFloors.get(partition) ?? 0
    if (offset < floor) {
      throw new BreachError('went back', `${partition} was readable to ${floor}, now ${offset}`)
    }
    const seen = this.#watermarks.get(partition) ?? 0
    this.#watermarks.set(partition, Math.max(seen, offset))
  }

  logStartAcknowledged(partition: string, offset: number): void {
    this.#logStarts.set(partition, Math.max(this.#logStarts.get(partition) ?? 0, offset))
  }

  sawLogStart(partition: string, offset: number): void {
    const floor = this.#logStarts.get(partition) ?? 0
    if (offset < floor) {
      throw new BreachError('went back', `${partition} began at ${floor}, now at ${offset}`)
    }
  }

  /** Once after each start, before anything is written. */
  sawLeaderEpochs(epochs: ReadonlyMap<string, number>): void {
    for (const [partition, epoch] of epochs) {
      const before = this.#epochs.get(partition)
      const least = (before ?? epoch) + (this.#uncleanEnds === 'some' ? 1 : 0)
      const isRight =
        before === undefined || (this.#uncleanEnds === 'none' ? epoch === before : epoch >= least)
      if (!isRight) {
        const what = `${partition}: epoch ${before}, and now ${epoch}`
        throw new BreachError('went back', `${what}, with unclean stops: ${this.#uncleanEnds}`)
      }
      this.#epochs.set(partition, epoch)
    }
    this.#uncleanEnds = 'none'
  }

  #compareTopic(topic: TopicFacts, found: SeenTopic): void {
    const { name } = topic
    if (topic.exists === false) throw new BreachError('invented', `deleted topic ${name} is back`)
    if (topic.topicId !== undefined && topic.topicId !== found.topicId) {
      throw new BreachError('changed', `topic ${name}: ${topic.topicId} is ${found.topicId}`)
    }
    const { partitions } = found
    if (partitions < topic.minPartitions || partitions > topic.maxPartitions) {
      const range = `${topic.minPartitions} to ${topic.maxPartitions}`
      throw new BreachError('lost', `topic ${name} has ${partitions} partitions, not ${range}`)
    }
    topic.exists = true
    topic.topicId = found.topicId
    topic.minPartitions = partitions
    topic.maxPartitions = partitions
  }

  #commitsOf(group: string, partition: string): Committed {
    const key = `${group} ${partition}`
    let committed = this.#committed.get(key)
    if (committed === undefined) {
      committed = { acknowledged: -1, asked: new Set() }
      this.#committed.set(key, committed)
    }
    return committed
  }
}

/** How the records of a topic's partition are told from those of a namesake that was deleted. */
export function partitionKey({ name, incarnation }: TopicFacts, partition: number): string {
  return `${name}#${incarnation}/${partition}`
}
