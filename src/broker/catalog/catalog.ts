// The catalogue of a running broker: what is in it, and what may become of it. Invariant: each mutation
// is decided on the state that the one before has left, and answered once its records are durable. So
// of two clients that make one topic at once, one makes it and the other is told that it exists.

import type { Host } from '../../host/host.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { Acl, AclFilter } from './acl.ts'
import type { BrokerConfig } from './broker-config-keys.ts'
import { BrokerSettings } from './broker-settings.ts'
import {
  type CatalogChange,
  CatalogLog,
  type CatalogLogOptions,
  type TopicFiles,
} from './catalog-log.ts'
import type { CatalogRecord, ConfigOwner } from './catalog-record.ts'
import type { CatalogState, Topic } from './catalog-state.ts'
import type { ClientQuota } from './client-quotas.ts'
import {
  type ConfigResource,
  configsOf,
  configsRecord,
  explainWrongResource,
  settleTexts,
} from './config-resource.ts'
import type { CredentialState } from './credential-state.ts'
import { type AclRemoval, decideNewAcls, Removals } from './decide-acls.ts'
import type { ConfigDecision } from './decide-configs.ts'
import { type CredentialChange, decideCredentials } from './decide-credentials.ts'
import { decideAllQuotas, type QuotaAlteration } from './decide-quotas.ts'
import {
  decidePartitions,
  decideTopic,
  NODE_ID,
  type PartitionsRequest,
  type TopicRequest,
} from './decide-topic.ts'
import { adoptedTopicConfigs } from './internal-topics.ts'
import { type Refusal, refuse } from './refusal.ts'
import type { StaticSettings } from './static-settings.ts'
import { TopicDraft } from './topic-draft.ts'

export type CreateOutcome =
  | Refusal
  | { readonly kind: 'created'; readonly topic: Topic }
  /** Only checked. */
  | {
      readonly kind: 'valid'
      readonly partitions: number
      readonly configs: Readonly<Record<string, string>>
    }

/** How many partitions a mutation makes or deletes. @returns why it may not, now */
export type Admit = (partitions: number) => Refusal | undefined

export type Outcome<Facts = unknown> = Refusal | ({ readonly kind: 'done' } & Facts)

export interface ProducerIdBlock {
  readonly firstProducerId: number
  readonly count: number
}

export interface CatalogOptions extends CatalogLogOptions {
  readonly settings: StaticSettings
  readonly faults?: CatalogFaults
}

/** Mistakes that can be planted, as in `log/faults.ts`: only tests set any of these. */
export interface CatalogFaults {
  /** Hands out producer ids while the block that they come from is still being stored. */
  readonly producerIdsGivenEarly?: boolean
}

const PRODUCER_IDS_PER_BLOCK = 1000
/** So many topics are decided on and written before others get their turn. */
const TOPICS_PER_TURN = 500
const LOGIN_SECRET_BYTES = 32

export class Catalog {
  readonly settings: BrokerSettings
  /** To be compacted with the others; nobody else writes to it or closes it. */
  readonly log: PartitionLog
  readonly #host: Host
  readonly #catalogLog: CatalogLog
  readonly #state: CatalogState
  readonly #faults: CatalogFaults

  private constructor(options: CatalogOptions, catalogLog: CatalogLog) {
    this.#host = options.host
    this.#catalogLog = catalogLog
    this.log = catalogLog.partition
    this.#state = catalogLog.state
    this.#faults = options.faults ?? {}
    this.settings = new BrokerSettings(options.settings)
    this.#followBrokerConfigs()
    // The first to listen: whoever else hears of it finds the settings as they are now.
    catalogLog.onChange(({ kind }) => {
      if (kind === 'broker-altered') this.#followBrokerConfigs()
    })
  }

  /** @throws when the catalogue cannot be read: without it nothing else may be touched */
  static async open(options: CatalogOptions): Promise<Catalog> {
    const catalog = new Catalog(options, await CatalogLog.open(options))
    await catalog.#recordStart(options.wasCleanStop)
    return catalog
  }

  get config(): BrokerConfig {
    return this.settings.config
  }

  /** 22 characters of base64url, the same for as long as the folder lives. */
  get clusterId(): string {
    return this.#state.clusterId!
  }

  /** How often this folder was started after a stop that was not in good order. */
  get leaderEpoch(): number {
    return this.#state.leaderEpoch
  }

  get topicCount(): number {
    return this.#state.topicCount
  }

  get partitionCount(): number {
    return this.#state.partitionCount
  }

  topic(name: string): Topic | undefined {
    return this.#state.topic(name)
  }

  topicById(id: string): Topic | undefined {
    return this.#state.topicById(id)
  }

  /** In no order. */
  topics(): Iterable<Topic> {
    return this.#state.topics()
  }

  /** The topic whose name differs from this one by '.' and '_' alone. */
  collidingTopic(name: string): string | undefined {
    return this.#state.collidingTopic(name)
  }

  /** Name by id of topics whose files may still be there. */
  deletedTopics(): ReadonlyMap<string, string> {
    return this.#state.deletedTopics()
  }

  /** What is set on a resource itself, valid texts by key. */
  configsOf(resource: ConfigResource): Readonly<Record<string, string>> {
    return configsOf(resource, this.#state)
  }

  /** Names of the groups or client metrics subscriptions that have configurations. */
  configNames(owner: ConfigOwner): string[] {
    return this.#state.configNames(owner)
  }

  /** Of users; read it, and change it by `alterCredentials`. */
  get credentials(): Omit<CredentialState, 'apply' | 'size'> {
    return this.#state.credentials
  }

  /** From now on topics come and go together with their files. */
  keepFilesWith(files: TopicFiles): void {
    this.#catalogLog.keepFilesWith(files)
  }

  /** Called at once when a change is durable and shows. @returns how to stop listening */
  onChange(listener: (change: CatalogChange) => void): () => void {
    return this.#catalogLog.onChange(listener)
  }

  /** Each request is decided by itself, one after the other. */
  createTopics(
    requests: readonly TopicRequest[],
    {
      validateOnly = false,
      admit = anyway,
    }: { validateOnly?: boolean; admit?: Admit | undefined } = {},
  ): Promise<CreateOutcome[]> {
    return this.#catalogLog.exclusively(async () => {
      const draft = new TopicDraft(this.#state)
      const outcomes: CreateOutcome[] = []
      for (let from = 0; from < requests.length; from += TOPICS_PER_TURN) {
        const turn = requests.slice(from, from + TOPICS_PER_TURN)
        outcomes.push(...(await this.#createTurn(turn, { draft, validateOnly, admit })))
        await this.#host.timers.yield()
      }
      return outcomes
    })
  }

  /** Takes topics over as they are, ids included. They must be unknown, and not collide. */
  adoptTopics(topics: readonly { name: string; id: string; partitions: number }[]): Promise<void> {
    return this.#catalogLog.exclusively(async () => {
      await this.#catalogLog.mustWrite(
        topics.map(({ name, id, partitions }) => ({
          kind: 'topic',
          name,
          topic: { id, partitions, configs: adoptedTopicConfigs(name, this.config) },
        })),
      )
    })
  }

  /** Durable when it resolves. That the files are gone is told by `forgetDeletedTopics`. */
  deleteTopics(ids: readonly string[]): Promise<Outcome[]> {
    return this.#catalogLog.exclusively(async () => {
      const topics = ids.map((id) => this.#state.topicById(id))
      const records = topics.flatMap((topic) => (topic === undefined ? [] : deletion(topic)))
      const refusals = await this.#catalogLog.write(records, { mayUseReserve: true })
      const retired: Topic[] = []
      let written = 0
      const outcomes = topics.map((topic, index): Outcome => {
        if (topic === undefined) {
          return refuse(ErrorCode.UNKNOWN_TOPIC_ID, `There is no topic with the id ${ids[index]}.`)
        }
        const refusal = refusals[written]
        written += deletion(topic).length
        if (refusal === undefined) retired.push(topic)
        return refusal ?? DONE
      })
      await this.#catalogLog.retireFiles(retired)
      return outcomes
    })
  }

  /** The files of deleted topics are gone, durably. */
  forgetDeletedTopics(ids: readonly string[]): Promise<void> {
    return this.#catalogLog.exclusively(async () => {
      const records = ids.map((id) => ({ kind: 'deleted-topic', id, name: null }) as const)
      await this.#catalogLog.write(records, { mayUseReserve: true })
    })
  }

  createPartitions(
    request: PartitionsRequest,
    {
      validateOnly = false,
      admit = anyway,
    }: { validateOnly?: boolean; admit?: Admit | undefined } = {},
  ): Promise<Outcome> {
    return this.#catalogLog.exclusively(async () => {
      const decision = decidePartitions(request, this.#state, this.config)
      if (decision.kind === 'refused') return decision
      const { name, id, configs, partitions: before } = this.#state.topic(request.name)!
      const notNow = admit(decision.partitions - before)
      if (notNow !== undefined) return notNow
      if (validateOnly) return DONE
      const topic = { id, partitions: decision.partitions, configs }
      return this.#writeTogether([{ kind: 'topic', name, topic }])
    })
  }

  /** @param decide from what is set now to the whole new set */
  alterConfigs(
    resource: ConfigResource,
    decide: (current: Readonly<Record<string, string>>) => ConfigDecision | Promise<ConfigDecision>,
    { validateOnly = false }: { validateOnly?: boolean } = {},
  ): Promise<Outcome> {
    return this.#catalogLog.exclusively(async () => {
      const wrong = explainWrongResource(resource, this.#state)
      if (wrong !== undefined) return wrong
      const current = this.configsOf(resource)
      const decision = await decide(current)
      if (decision.kind === 'refused') return decision
      const settled = settleTexts(resource.type, { current, next: decision.texts }, this.config)
      if (settled.kind === 'refused') return settled
      if (validateOnly) return DONE
      // A shorter retention is a way out of a full disk.
      const record = configsRecord(resource, settled.texts, this.#state)
      return this.#writeTogether([record], { mayUseReserve: true })
    })
  }

  /** By the text of whom they are for. */
  clientQuotas(): ReadonlyMap<string, ClientQuota> {
    return this.#state.clientQuotas()
  }

  /** Each entity by itself, as a whole or not at all; what is allowed becomes durable together. */
  alterClientQuotas(
    alterations: readonly QuotaAlteration[],
    { validateOnly = false }: { validateOnly?: boolean } = {},
  ): Promise<Outcome[]> {
    return this.#catalogLog.exclusively(async () => {
      const max = this.config.millraceMaxClientQuotas
      const decisions = decideAllQuotas(alterations, this.clientQuotas(), max)
      const outcomes = decisions.map((decision) => (decision.kind === 'refused' ? decision : DONE))
      const records = decisions.flatMap((decision): CatalogRecord[] => {
        if (decision.kind === 'refused') return []
        const { entity, values } = decision
        const isEmpty = Object.keys(values).length === 0
        return [{ kind: 'client-quotas', entity, values: isEmpty ? null : values }]
      })
      if (validateOnly || records.length === 0) return outcomes
      const refusals = (await this.#catalogLog.write(records)).values()
      this.#catalogLog.tell({ kind: 'client-quotas-altered' })
      return outcomes.map((outcome) => {
        return outcome.kind === 'refused' ? outcome : (refusals.next().value ?? DONE)
      })
    })
  }

  /** All access rules, in the order in which they were made. */
  acls(): Iterable<Acl> {
    return this.#state.acls.values()
  }

  /** Of each rule by itself why it cannot be. One that is there already is made again in silence. */
  createAcls(acls: readonly Acl[]): Promise<Outcome[]> {
    return this.#catalogLog.exclusively(async () => {
      const decision = decideNewAcls(acls, this.#state.acls, this.config.millraceMaxAcls)
      const records = decision.fresh.map((acl) => ({ kind: 'acl', acl, isRemoved: false }) as const)
      const refusals = await this.#catalogLog.write(records)
      return decision.outcomes.map(({ refusal, freshIndex }): Outcome => {
        const notWritten = freshIndex === undefined ? undefined : refusals[freshIndex]
        return refusal ?? notWritten ?? DONE
      })
    })
  }

  /** What each filter found, and is no more; a rule is told once for every filter that finds it. */
  removeAcls(filters: readonly AclFilter[]): Promise<Outcome<AclRemoval>[]> {
    return this.#catalogLog.exclusively(async () => {
      const removals = new Removals()
      for (const filter of filters) {
        const refusal = removals.add(filter, this.#state.acls)
        if (refusal !== undefined) return filters.map(() => refusal)
        await this.#host.timers.yield() // a filter looks at every rule
      }
      const acls = [...removals.acls]
      const records = acls.map((acl) => ({ kind: 'acl', acl, isRemoved: true }) as const)
      const refusals = await this.#catalogLog.write(records, { mayUseReserve: true })
      const refused = new Map(acls.map((acl, index) => [acl, refusals[index]]))
      return removals.found.map((found): Outcome<AclRemoval> => {
        if (!Array.isArray(found)) return found
        const refusal = found.map((acl) => refused.get(acl)).find((one) => one !== undefined)
        return refusal ?? { ...DONE, acls: found }
      })
    })
  }

  /** Each user is decided by itself; what is allowed is durable when it resolves. */
  alterCredentials(
    changes: readonly CredentialChange[],
  ): Promise<{ readonly user: string; readonly outcome: Outcome }[]> {
    return this.#catalogLog.exclusively(async () => {
      const outcomes = []
      const max = this.config.millraceMaxScramCredentials
      for (const decision of decideCredentials(changes, this.#state.credentials, max)) {
        const { user, outcome } = decision
        const isAllowed = outcome.kind === 'allowed'
        const written = isAllowed ? await this.#writeTogether(outcome.records) : outcome
        outcomes.push({ user, outcome: written })
      }
      return outcomes
    })
  }

  /** The same for as long as the folder lives; made when it is first asked for. */
  async loginSecret(): Promise<Buffer> {
    return this.#catalogLog.exclusively(async () => {
      if (this.#state.loginSecret === undefined) {
        const secret = this.#host.random.bytes(LOGIN_SECRET_BYTES)
        await this.#catalogLog.mustWrite([{ kind: 'login-secret', secret }], {
          mayUseReserve: true,
        })
      }
      return this.#state.loginSecret!
    })
  }

  /** The ids are the caller's alone, whatever crashes. @throws when they cannot be stored */
  takeProducerIdBlock(): Promise<ProducerIdBlock> {
    return this.#catalogLog.exclusively(async () => {
      const firstProducerId = this.#state.nextProducerId
      const nextProducerId = firstProducerId + PRODUCER_IDS_PER_BLOCK
      const stored = this.#catalogLog.mustWrite([{ kind: 'producer-ids', nextProducerId }])
      if (this.#faults.producerIdsGivenEarly === true) stored.catch(() => undefined)
      else await stored
      return { firstProducerId, count: PRODUCER_IDS_PER_BLOCK }
    })
  }

  /** Ids up to this one are in use in folders that came from elsewhere: none is given out again. */
  keepProducerIdsAbove(producerId: number): Promise<void> {
    return this.#catalogLog.exclusively(async () => {
      const nextProducerId = producerId + 1
      if (nextProducerId <= this.#state.nextProducerId) return
      await this.#catalogLog.mustWrite([{ kind: 'producer-ids', nextProducerId }])
    })
  }

  close(): Promise<void> {
    return this.#catalogLog.close()
  }

  async #createTurn(
    requests: readonly TopicRequest[],
    { draft, validateOnly, admit }: { draft: TopicDraft; validateOnly: boolean; admit: Admit },
  ): Promise<CreateOutcome[]> {
    const records: CatalogRecord[] = []
    const decisions = requests.map((request) => {
      const decision = decideTopic(request, draft, this.config)
      if (decision.kind === 'refused') return decision
      const { partitions, configs } = decision
      const notNow = admit(partitions)
      if (notNow !== undefined) return notNow
      const topic = { id: this.#host.random.uuid(), partitions, configs }
      draft.add(request.name, partitions)
      records.push({ kind: 'topic', name: request.name, topic })
      return { kind: 'valid', partitions, configs } as const
    })
    if (validateOnly) return decisions
    const refusals = await this.#catalogLog.write(records)
    let written = 0
    draft.clear() // what was written is in the state now, and what was not does not count
    return decisions.map((decision, index) => {
      if (decision.kind === 'refused') return decision
      const refusal = refusals[written]
      written += 1
      if (refusal !== undefined) return refusal
      return { kind: 'created', topic: this.#state.topic(requests[index]!.name)! }
    })
  }

  async #recordStart(wasCleanStop: boolean): Promise<void> {
    const isFirst = this.#state.clusterId === undefined
    if (isFirst) {
      await this.#catalogLog.mustWrite([{ kind: 'cluster', clusterId: this.#host.random.uuid() }])
    } else if (!wasCleanStop) {
      const record = { kind: 'leader-epoch', leaderEpoch: this.leaderEpoch + 1 } as const
      await this.#catalogLog.mustWrite([record], { mayUseReserve: true })
    }
  }

  async #writeTogether(
    records: readonly CatalogRecord[],
    how: { mayUseReserve?: boolean } = {},
  ): Promise<Outcome> {
    const [refusal] = await this.#catalogLog.write(records, how)
    return refusal ?? DONE
  }

  #followBrokerConfigs(): void {
    this.settings.setAltered({
      forThisBroker: this.#state.configs('broker', String(NODE_ID)),
      forEveryBroker: this.#state.configs('broker', ''),
    })
  }
}

const DONE = { kind: 'done' } as const
const anyway: Admit = () => undefined

function deletion({ name, id }: Topic): CatalogRecord[] {
  return [
    { kind: 'topic', name, topic: null },
    { kind: 'deleted-topic', id, name },
  ]
}
