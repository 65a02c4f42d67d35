// The catalogue of a running broker: its state, and the compacted log in `meta/` that the state is
// folded from. Invariant: a mutation shows only once its records are durable, mutations happen one
// after the other, and each is decided on the state that the one before has left. So of two clients
// that make one topic at once, one makes it and the other is told that it exists.
// A catalogue that cannot be written any more ends the process: what it would answer is not known.

import type { Host } from '../../host/host.ts'
import { buildBatch } from '../batch/builder.ts'
import type { FileCache } from '../log/file-cache.ts'
import type { GroupCommit } from '../log/group-commit.ts'
import { DEFAULT_LOG_CONFIG } from '../log/log-config.ts'
import { PartitionLog } from '../log/partition-log.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { Acl, AclFilter } from './acl.ts'
import type { BrokerConfig } from './broker-config-keys.ts'
import { BrokerSettings } from './broker-settings.ts'
import { type CatalogRecord, type ConfigOwner, encodeRecord } from './catalog-record.ts'
import { CatalogState, type Topic, topicOf } from './catalog-state.ts'
import { type ClientQuota, quotaEntityText } from './client-quotas.ts'
import type { CredentialState } from './credential-state.ts'
import { type AclRemoval, decideNewAcls, Removals } from './decide-acls.ts'
import { type ConfigDecision, ownerNames, type ResourceType } from './decide-configs.ts'
import { type CredentialChange, decideCredentials } from './decide-credentials.ts'
import { decideQuotas, type QuotaAlteration } from './decide-quotas.ts'
import {
  decidePartitions,
  decideTopic,
  NODE_ID,
  type PartitionsRequest,
  type TopicRequest,
} from './decide-topic.ts'
import { CATALOG_FOLDER } from './format-version.ts'
import { explainOutOfBounds } from './group-config-keys.ts'
import { adoptedTopicConfigs } from './internal-topics.ts'
import { type Refusal, refuse, refuseConfig } from './refusal.ts'
import { replayCatalog } from './replay-catalog.ts'
import type { StaticSettings } from './static-settings.ts'
import { keepStore } from './store-topics.ts'
import { TopicDraft } from './topic-draft.ts'

export type CatalogChange =
  | { readonly kind: 'topic-created'; readonly topic: Topic }
  | { readonly kind: 'topic-deleted'; readonly topic: Topic }
  /** Partitions were added or settings altered. */
  | { readonly kind: 'topic-altered'; readonly topic: Topic; readonly before: Topic }
  /** Every topic may follow the broker's settings. */
  | { readonly kind: 'broker-altered' }
  | { readonly kind: 'client-quotas-altered' }
  | { readonly kind: 'acl-created'; readonly acl: Acl }
  | { readonly kind: 'acl-removed'; readonly acl: Acl }

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

interface Writing {
  /** Also on a full disk, as long as the space lasts that is set aside. */
  readonly mayUseReserve?: boolean
}

export type Outcome<Facts = unknown> = Refusal | ({ readonly kind: 'done' } & Facts)

export interface ConfigResource {
  readonly type: ResourceType
  readonly name: string
}

export interface ProducerIdBlock {
  readonly firstProducerId: number
  readonly count: number
}

export interface CatalogOptions {
  readonly host: Host
  readonly commit: GroupCommit
  readonly files: FileCache
  readonly settings: StaticSettings
  /** Whether the broker stopped in good order the last time; else the leader epoch goes up. */
  readonly wasCleanStop: boolean
  /** The catalogue can no longer be written; the broker must stop. */
  readonly onFatal: (reason: string) => void
  readonly faults?: CatalogFaults
}

/** Mistakes that can be planted, as in `log/faults.ts`: only tests set any of these. */
export interface CatalogFaults {
  /** Hands out producer ids while the block that they come from is still being stored. */
  readonly producerIdsGivenEarly?: boolean
}

/**
 * Who keeps the files of topics. A topic shows only once its files can be used, and a mutation ends
 * only once those of a deleted topic are out of the way: so names and folders never mix.
 */
export interface TopicFiles {
  /** The topic is durable and about to show: partitions `fromPartition` on are new. */
  open(topic: Topic, fromPartition: number): Promise<void>
  /** The topics show no more, and their deletion is durable. */
  retire(topics: readonly Topic[]): Promise<void>
}

/** The log has a name and an id of its own, so that the shared journal can carry it. */
const CATALOG_TOPIC = '__millrace_catalog'
export const CATALOG_TOPIC_ID = 'bWlsbHJhY2UtY2F0YWxvZw'
const PRODUCER_IDS_PER_BLOCK = 1000
/** So many topics are decided on and written before others get their turn. */
const TOPICS_PER_TURN = 500
/** Even, so that the two records of a deletion stand in one batch. */
const RECORDS_PER_BATCH = 500
const LOGIN_SECRET_BYTES = 32
const MIB = 1_048_576

const LOG_CONFIG = {
  ...DEFAULT_LOG_CONFIG,
  cleanupPolicy: ['compact'],
  segmentBytes: 8 * MIB,
  maxMessageBytes: 8 * MIB,
  deleteRetentionMs: 0, // nobody but the next start reads it, and that reads all of it
} as const

export class Catalog {
  readonly settings: BrokerSettings
  readonly #host: Host
  /** To be compacted with the others; nobody else writes to it or closes it. */
  readonly log: PartitionLog
  readonly #commit: GroupCommit
  readonly #state: CatalogState
  readonly #onFatal: (reason: string) => void
  readonly #faults: CatalogFaults
  readonly #listeners = new Set<(change: CatalogChange) => void>()
  #files: TopicFiles | undefined
  #lastMutation: Promise<unknown> = Promise.resolve()

  private constructor(options: CatalogOptions, log: PartitionLog, state: CatalogState) {
    this.#host = options.host
    this.log = log
    this.#commit = options.commit
    this.#state = state
    this.#onFatal = options.onFatal
    this.#faults = options.faults ?? {}
    this.settings = new BrokerSettings(options.settings)
    this.#followBrokerConfigs()
  }

  /** @throws when the catalogue cannot be read: without it nothing else may be touched */
  static async open(options: CatalogOptions): Promise<Catalog> {
    const log = await PartitionLog.open({
      host: options.host,
      folder: CATALOG_FOLDER,
      topic: CATALOG_TOPIC,
      partition: 0,
      topicId: CATALOG_TOPIC_ID,
      config: LOG_CONFIG,
      leaderEpoch: 0,
      commit: options.commit,
      files: options.files,
      wasCleanStop: options.wasCleanStop,
      onOffline: (reason) => options.onFatal(`The catalogue is offline: ${reason}`),
    })
    const state = new CatalogState()
    await replayCatalog(log, state, options.host.timers)
    const catalog = new Catalog(options, log, state)
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
  configsOf({ type, name }: ConfigResource): Readonly<Record<string, string>> {
    if (type === 'topic') return this.#state.topic(name)?.configs ?? {}
    return this.#state.configs(type, name)
  }

  /** Names of the groups or client metrics subscriptions that have configurations. */
  configNames(owner: ConfigOwner): string[] {
    return this.#state.configNames(owner)
  }

  /** Of users; read it, and change it by `alterCredentials`. */
  get credentials(): Pick<CredentialState, 'credential' | 'users' | 'sample'> {
    return this.#state.credentials
  }

  /** From now on topics come and go together with their files. */
  keepFilesWith(files: TopicFiles): void {
    this.#files = files
  }

  /** Called at once when a change is durable and shows. @returns how to stop listening */
  onChange(listener: (change: CatalogChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Each request is decided by itself, one after the other. */
  createTopics(
    requests: readonly TopicRequest[],
    {
      validateOnly = false,
      admit = anyway,
    }: { validateOnly?: boolean; admit?: Admit | undefined } = {},
  ): Promise<CreateOutcome[]> {
    return this.#exclusively(async () => {
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
    return this.#exclusively(async () => {
      await this.#mustWrite(
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
    return this.#exclusively(async () => {
      const topics = ids.map((id) => this.#state.topicById(id))
      const records = topics.flatMap((topic) => (topic === undefined ? [] : deletion(topic)))
      const refusals = await this.#write(records, { mayUseReserve: true })
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
      if (retired.length > 0) await this.#withFiles((files) => files.retire(retired))
      return outcomes
    })
  }

  /** The files of deleted topics are gone, durably. */
  forgetDeletedTopics(ids: readonly string[]): Promise<void> {
    return this.#exclusively(async () => {
      const records = ids.map((id) => ({ kind: 'deleted-topic', id, name: null }) as const)
      await this.#write(records, { mayUseReserve: true })
    })
  }

  createPartitions(
    request: PartitionsRequest,
    {
      validateOnly = false,
      admit = anyway,
    }: { validateOnly?: boolean; admit?: Admit | undefined } = {},
  ): Promise<Outcome> {
    return this.#exclusively(async () => {
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
    return this.#exclusively(async () => {
      const wrong = this.#explainWrongResource(resource)
      if (wrong !== undefined) return wrong
      const current = this.configsOf(resource)
      const decision = await decide(current)
      if (decision.kind === 'refused') return decision
      let { texts } = decision
      if (resource.type === 'topic') {
        const kept = keepStore(current, texts)
        if (kept.kind === 'conflict') return refuseConfig(kept.message)
        texts = kept.texts
      }
      const outOfBounds =
        resource.type === 'group' ? explainOutOfBounds(decision.texts, this.config) : undefined
      if (outOfBounds !== undefined) return refuseConfig(outOfBounds)
      if (validateOnly) return DONE
      // A shorter retention is a way out of a full disk.
      const record = this.#configsRecord(resource, texts)
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
    return this.#exclusively(async () => {
      const records: CatalogRecord[] = []
      let count = this.clientQuotas().size
      const decisions = alterations.map((alteration) => {
        const known = (text: string) => this.clientQuotas().get(text)
        const decision = decideQuotas(alteration, (text) => known(text)?.values)
        if (decision.kind === 'refused') return decision
        const { entity } = decision
        const isEmpty = Object.keys(decision.values).length === 0
        const isNew = known(quotaEntityText(entity)) === undefined
        if (isNew && !isEmpty && ++count > this.config.millraceMaxClientQuotas)
          return TOO_MANY_QUOTAS
        records.push({ kind: 'client-quotas', entity, values: isEmpty ? null : decision.values })
        return DONE
      })
      if (validateOnly || records.length === 0) return decisions
      const refusals = (await this.#write(records)).values()
      this.#tell({ kind: 'client-quotas-altered' })
      return decisions.map((decision) => {
        return decision.kind === 'refused' ? decision : (refusals.next().value ?? DONE)
      })
    })
  }

  /** All access rules, in the order in which they were made. */
  acls(): Iterable<Acl> {
    return this.#state.acls.values()
  }

  /** Of each rule by itself why it cannot be. One that is there already is made again in silence. */
  createAcls(acls: readonly Acl[]): Promise<Outcome[]> {
    return this.#exclusively(async () => {
      const decision = decideNewAcls(acls, this.#state.acls, this.config.millraceMaxAcls)
      const records = decision.fresh.map((acl) => ({ kind: 'acl', acl, isRemoved: false }) as const)
      const refusals = await this.#write(records)
      return decision.outcomes.map(({ refusal, freshIndex }): Outcome => {
        const notWritten = freshIndex === undefined ? undefined : refusals[freshIndex]
        return refusal ?? notWritten ?? DONE
      })
    })
  }

  /** What each filter found, and is no more; a rule is told once for every filter that finds it. */
  removeAcls(filters: readonly AclFilter[]): Promise<Outcome<AclRemoval>[]> {
    return this.#exclusively(async () => {
      const removals = new Removals()
      for (const filter of filters) {
        const refusal = removals.add(filter, this.#state.acls)
        if (refusal !== undefined) return filters.map(() => refusal)
        await this.#host.timers.yield() // a filter looks at every rule
      }
      const acls = [...removals.acls]
      const records = acls.map((acl) => ({ kind: 'acl', acl, isRemoved: true }) as const)
      const refusals = await this.#write(records, { mayUseReserve: true })
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
    return this.#exclusively(async () => {
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
    return this.#exclusively(async () => {
      if (this.#state.loginSecret === undefined) {
        const secret = this.#host.random.bytes(LOGIN_SECRET_BYTES)
        await this.#mustWrite([{ kind: 'login-secret', secret }], { mayUseReserve: true })
      }
      return this.#state.loginSecret!
    })
  }

  /** The ids are the caller's alone, whatever crashes. @throws when they cannot be stored */
  takeProducerIdBlock(): Promise<ProducerIdBlock> {
    return this.#exclusively(async () => {
      const firstProducerId = this.#state.nextProducerId
      const nextProducerId = firstProducerId + PRODUCER_IDS_PER_BLOCK
      const stored = this.#mustWrite([{ kind: 'producer-ids', nextProducerId }])
      if (this.#faults.producerIdsGivenEarly === true) stored.catch(() => undefined)
      else await stored
      return { firstProducerId, count: PRODUCER_IDS_PER_BLOCK }
    })
  }

  /** Ids up to this one are in use in folders that came from elsewhere: none is given out again. */
  keepProducerIdsAbove(producerId: number): Promise<void> {
    return this.#exclusively(async () => {
      const nextProducerId = producerId + 1
      if (nextProducerId <= this.#state.nextProducerId) return
      await this.#mustWrite([{ kind: 'producer-ids', nextProducerId }])
    })
  }

  async close(): Promise<void> {
    await this.#lastMutation
    await this.log.close()
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
    const refusals = await this.#write(records)
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
      await this.#mustWrite([{ kind: 'cluster', clusterId: this.#host.random.uuid() }])
    } else if (!wasCleanStop) {
      const record = { kind: 'leader-epoch', leaderEpoch: this.leaderEpoch + 1 } as const
      await this.#mustWrite([record], { mayUseReserve: true })
    }
  }

  #exclusively<T>(mutate: () => Promise<T>): Promise<T> {
    const mutation = this.#lastMutation.then(mutate)
    this.#lastMutation = mutation.catch(() => undefined) // whoever asked for it is told
    return mutation
  }

  async #writeTogether(records: readonly CatalogRecord[], how: Writing = {}): Promise<Outcome> {
    const [refusal] = await this.#write(records, how)
    return refusal ?? DONE
  }

  async #mustWrite(records: readonly CatalogRecord[], how: Writing = {}): Promise<void> {
    const refusal = (await this.#write(records, how)).find((outcome) => outcome !== undefined)
    if (refusal !== undefined) throw new Error(`The catalogue was not written: ${refusal.message}`)
  }

  /** Of each record, why it was not written, or undefined. Up to a batch stands or falls together. */
  async #write(
    records: readonly CatalogRecord[],
    { mayUseReserve = false }: Writing = {},
  ): Promise<(Refusal | undefined)[]> {
    const refusals: (Refusal | undefined)[] = []
    for (let from = 0; from < records.length; from += RECORDS_PER_BATCH) {
      const group = records.slice(from, from + RECORDS_PER_BATCH)
      const refusal = await this.#append(group, mayUseReserve)
      if (refusal === undefined) for (const record of group) await this.#show(record)
      for (const _ of group) refusals.push(refusal)
    }
    return refusals
  }

  /** Records that give space back, or must be there for a start, may use what is set aside for them. */
  async #append(
    records: readonly CatalogRecord[],
    mayUseReserve: boolean,
  ): Promise<Refusal | undefined> {
    const timestamp = this.#host.clock.nowMs()
    const batch = buildBatch({
      records: records.map((record) => ({ timestamp, headers: [], ...encodeRecord(record) })),
    })
    const request = { acks: -1, origin: 'internal', mayUseReserve } as const
    let outcome = await this.log.append(batch, request)
    const isStorage =
      outcome.kind === 'refused' && outcome.errorCode === ErrorCode.KAFKA_STORAGE_ERROR
    if (isStorage && mayUseReserve && this.log.state === 'online') {
      if (await this.#commit.giveUpReserve()) outcome = await this.log.append(batch, request)
    }
    if (outcome.kind !== 'refused') return undefined
    return refuse(outcome.errorCode, outcome.message ?? 'The catalogue could not be written.')
  }

  async #show(record: CatalogRecord): Promise<void> {
    if (record.kind === 'topic' && record.topic !== null) {
      const from = this.#state.topic(record.name)?.partitions ?? 0
      const topic = topicOf(record.name, record.topic)
      if (topic.partitions > from) await this.#withFiles((files) => files.open(topic, from))
    }
    this.#apply(record)
  }

  /** The catalogue says one thing and the files another: only a new start can bring them together. */
  async #withFiles(change: (files: TopicFiles) => Promise<void>): Promise<void> {
    if (this.#files === undefined) return
    try {
      await change(this.#files)
    } catch (error) {
      this.#onFatal(`Files of topics could not be brought in line: ${String(error)}`)
      throw error
    }
  }

  #apply(record: CatalogRecord): void {
    const before = record.kind === 'topic' ? this.#state.topic(record.name) : undefined
    this.#state.apply(record)
    if (record.kind === 'topic') this.#tellOfTopic(before, this.#state.topic(record.name))
    if (record.kind === 'configs' && record.owner === 'broker') {
      this.#followBrokerConfigs()
      this.#tell({ kind: 'broker-altered' })
    }
    if (record.kind === 'acl') {
      const { acl, isRemoved } = record
      this.#tell(isRemoved ? { kind: 'acl-removed', acl } : { kind: 'acl-created', acl })
    }
  }

  #tellOfTopic(before: Topic | undefined, topic: Topic | undefined): void {
    if (topic === undefined) {
      if (before !== undefined) this.#tell({ kind: 'topic-deleted', topic: before })
    } else if (before === undefined) this.#tell({ kind: 'topic-created', topic })
    else this.#tell({ kind: 'topic-altered', topic, before })
  }

  #tell(change: CatalogChange): void {
    for (const listener of this.#listeners) listener(change)
  }

  #followBrokerConfigs(): void {
    this.settings.setAltered({
      forThisBroker: this.#state.configs('broker', String(NODE_ID)),
      forEveryBroker: this.#state.configs('broker', ''),
    })
  }

  #configsRecord(
    { type, name }: ConfigResource,
    texts: Readonly<Record<string, string>>,
  ): CatalogRecord {
    if (type !== 'topic') {
      const configs = Object.keys(texts).length === 0 ? null : texts
      return { kind: 'configs', owner: type, name, configs }
    }
    const { id, partitions } = this.#state.topic(name)!
    return { kind: 'topic', name, topic: { id, partitions, configs: texts } }
  }

  #explainWrongResource({ type, name }: ConfigResource): Refusal | undefined {
    if (type === 'broker') {
      if (name === '' || name === String(NODE_ID)) return undefined
      return refuse(
        ErrorCode.INVALID_REQUEST,
        `There is no broker '${name}': it is ${NODE_ID}, or empty for every broker.`,
      )
    }
    if (name === '')
      return refuse(
        ErrorCode.INVALID_REQUEST,
        `A resource of type ${ownerNames[type]} needs a name.`,
      )
    if (type !== 'topic' || this.#state.topic(name) !== undefined) return undefined
    return refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `There is no topic '${name}'.`)
  }
}

const DONE = { kind: 'done' } as const
const anyway: Admit = () => undefined

const TOO_MANY_QUOTAS = refuse(
  ErrorCode.POLICY_VIOLATION,
  'There are as many quotas as millrace.max.client.quotas allows.',
)

function deletion({ name, id }: Topic): CatalogRecord[] {
  return [
    { kind: 'topic', name, topic: null },
    { kind: 'deleted-topic', id, name },
  ]
}
