// What the broker knows: topics, altered configurations, counters that must never go back. Pure:
// records in, state out; the same records always give the same state.
// Invariant: `topic` and `topicById` agree, and no two topics have names that collide.

import { AclSet } from './acl-set.ts'
import type { CatalogRecord, ConfigOwner, TopicFacts } from './catalog-record.ts'
import { type ClientQuota, quotaEntityText } from './client-quotas.ts'
import { CredentialState } from './credential-state.ts'
import type { KnownTopics } from './topic-draft.ts'
import { collisionKey, isInternalTopic } from './topic-name.ts'

export interface Topic {
  readonly name: string
  readonly id: string
  readonly partitions: number
  /** Its own settings: texts by key, valid ones only. */
  readonly configs: Readonly<Record<string, string>>
  readonly isInternal: boolean
}

export function topicOf(name: string, facts: TopicFacts): Topic {
  return { name, ...facts, isInternal: isInternalTopic(name) }
}

const NO_CONFIGS: Readonly<Record<string, string>> = {}

export class CatalogState implements KnownTopics {
  clusterId: string | undefined
  leaderEpoch = 0
  nextProducerId = 0
  partitionCount = 0
  readonly acls = new AclSet()
  readonly credentials = new CredentialState()
  loginSecret: Buffer | undefined
  readonly #topics = new Map<string, Topic>()
  readonly #topicsById = new Map<string, Topic>()
  readonly #nameByCollisionKey = new Map<string, string>()
  readonly #deletedTopics = new Map<string, string>()
  readonly #configs: Readonly<Record<ConfigOwner, Map<string, Readonly<Record<string, string>>>>> =
    { broker: new Map(), group: new Map(), 'client-metrics': new Map() }
  readonly #quotas = new Map<string, ClientQuota>()

  apply(record: CatalogRecord): void {
    switch (record.kind) {
      case 'cluster':
        this.clusterId = record.clusterId
        break
      case 'leader-epoch':
        this.leaderEpoch = record.leaderEpoch
        break
      case 'producer-ids':
        this.nextProducerId = record.nextProducerId
        break
      case 'topic':
        this.#removeTopic(record.name)
        if (record.topic !== null) this.#addTopic(topicOf(record.name, record.topic))
        break
      case 'deleted-topic':
        if (record.name === null) this.#deletedTopics.delete(record.id)
        else this.#deletedTopics.set(record.id, record.name)
        break
      case 'credential':
        this.credentials.apply(record)
        break
      case 'login-secret':
        this.loginSecret = record.secret
        break
      case 'configs':
        if (record.configs === null) this.#configs[record.owner].delete(record.name)
        else this.#configs[record.owner].set(record.name, record.configs)
        break
      case 'client-quotas':
        this.#setQuota(record.entity, record.values)
        break
      case 'acl':
        if (record.isRemoved) this.acls.remove(record.acl)
        else this.acls.add(record.acl)
        break
    }
  }

  topic(name: string): Topic | undefined {
    return this.#topics.get(name)
  }

  hasTopic(name: string): boolean {
    return this.#topics.has(name)
  }

  topicById(id: string): Topic | undefined {
    return this.#topicsById.get(id)
  }

  /** In no order. */
  topics(): Iterable<Topic> {
    return this.#topics.values()
  }

  get topicCount(): number {
    return this.#topics.size
  }

  /** The topic whose name differs from this one by '.' and '_' alone. */
  collidingTopic(name: string): string | undefined {
    const existing = this.#nameByCollisionKey.get(collisionKey(name))
    return existing === name ? undefined : existing
  }

  /** Ids of topics whose files may still be there, with the names they had. */
  deletedTopics(): ReadonlyMap<string, string> {
    return this.#deletedTopics
  }

  configs(owner: ConfigOwner, name: string): Readonly<Record<string, string>> {
    return this.#configs[owner].get(name) ?? NO_CONFIGS
  }

  /** Names of what has altered configurations. */
  configNames(owner: ConfigOwner): string[] {
    return [...this.#configs[owner].keys()]
  }

  /** By the text of whom they are for. */
  clientQuotas(): ReadonlyMap<string, ClientQuota> {
    return this.#quotas
  }

  #setQuota(entity: ClientQuota['entity'], values: ClientQuota['values'] | null): void {
    const text = quotaEntityText(entity)
    if (values === null) this.#quotas.delete(text)
    else this.#quotas.set(text, { entity, values })
  }

  #addTopic(topic: Topic): void {
    this.#topics.set(topic.name, topic)
    this.#topicsById.set(topic.id, topic)
    this.#nameByCollisionKey.set(collisionKey(topic.name), topic.name)
    this.partitionCount += topic.partitions
  }

  #removeTopic(name: string): void {
    const topic = this.#topics.get(name)
    if (topic === undefined) return
    this.#topics.delete(name)
    this.#topicsById.delete(topic.id)
    this.#nameByCollisionKey.delete(collisionKey(name))
    this.partitionCount -= topic.partitions
  }
}
