// Topics for a program in the broker's own process.

import type { BrokerServices } from '../server/services.ts'
import { type LocalRefusal, refusal } from './local-refusal.ts'

export interface LocalTopic {
  readonly kind: 'topic'
  readonly name: string
  readonly topicId: string
  readonly partitions: number
}

export interface NewLocalTopic {
  readonly name: string
  /** undefined = `num.partitions`. */
  readonly partitions: number | undefined
  readonly config: Readonly<Record<string, string>>
}

export class LocalTopics {
  readonly #catalog: BrokerServices['catalog']

  constructor({ catalog }: Pick<BrokerServices, 'catalog'>) {
    this.#catalog = catalog
  }

  find(name: string): LocalTopic | undefined {
    const topic = this.#catalog.topic(name)
    return topic && { kind: 'topic', name, topicId: topic.id, partitions: topic.partitions }
  }

  /** Makes those that are missing; durable when it resolves. @returns one for each, in their order */
  async ensure(topics: readonly NewLocalTopic[]): Promise<(LocalTopic | LocalRefusal)[]> {
    const missing = topics.filter(({ name }) => this.#catalog.topic(name) === undefined)
    const outcomes = await this.#catalog.createTopics(
      missing.map(({ name, partitions = -1, config }) => ({
        name,
        partitions,
        replicationFactor: -1,
        assignments: [],
        configs: Object.entries(config).map(([key, value]) => ({ name: key, value })),
      })),
    )
    return topics.map((topic) => {
      // Somebody else may have made it meanwhile: what counts is that it is there.
      const found = this.find(topic.name)
      if (found !== undefined) return found
      const outcome = outcomes[missing.indexOf(topic)]
      if (outcome?.kind !== 'refused') throw new Error(`topic ${topic.name} was made and is gone`)
      return refusal(outcome.errorCode, outcome.message)
    })
  }
}
