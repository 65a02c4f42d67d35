// The groups of one partition of __consumer_offsets: read back from its log at start, then kept in
// memory and appended to. While it loads nobody is served; a log that cannot be read, or records
// that cannot be understood, leave its groups unserved rather than guessed at.
// Invariant: appends settle in the order in which they were made, whatever the disk does.

import type { Host } from '../../host/host.ts'
import { buildBatch } from '../batch/builder.ts'
import type { GroupSettings } from '../coordinators/groups/input.ts'
import { encodeRecord, type GroupRecord } from '../coordinators/groups/records.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { HostedGroup } from './coordinator-group.ts'
import { GroupLogReplay } from './coordinator-replay.ts'
import { describeError, type JsonLog } from './json-log.ts'

/** Read at once while loading; between two reads others have their turn. */
const LOAD_BYTES = 1_048_576

export interface CoordinatorPartitionNeeds {
  readonly host: Pick<Host, 'clock' | 'timers'>
  readonly settings: GroupSettings
  readonly log: JsonLog
}

export class CoordinatorPartition {
  readonly #partition: PartitionLog
  readonly #needs: CoordinatorPartitionNeeds
  readonly #groups = new Map<string, HostedGroup>()
  #state: 'loading' | 'ready' | 'failed' | 'closed' = 'loading'
  #lastAppend: Promise<unknown> = Promise.resolve()

  constructor(partition: PartitionLog, needs: CoordinatorPartitionNeeds) {
    this.#partition = partition
    this.#needs = needs
  }

  /** NONE when its groups are served. */
  get errorCode(): ErrorCode {
    if (this.#state === 'loading') return ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
    if (this.#state === 'ready') return ErrorCode.NONE
    return ErrorCode.COORDINATOR_NOT_AVAILABLE
  }

  get groups(): ReadonlyMap<string, HostedGroup> {
    return this.#groups
  }

  /** Reads the whole partition. Never rejects: what goes wrong is logged and leaves it unserved. */
  async load(): Promise<void> {
    const partition = this.#partition.partition
    try {
      await this.#replayLog()
    } catch (error) {
      this.#state = 'failed'
      this.#groups.clear()
      this.#needs.log.error('groups-not-loaded', { partition, error: describeError(error) })
      return
    }
    if (this.#state === 'closed') return
    this.#state = 'ready'
    for (const group of [...this.#groups.values()]) group.restore()
  }

  /** The group of that id, made when there is none: one that stays without content goes again. */
  group(groupId: string): HostedGroup {
    const known = this.#groups.get(groupId)
    if (known !== undefined) return known
    const group = new HostedGroup(groupId, {
      host: this.#needs.host,
      settings: this.#needs.settings,
      append: (records) => this.#append(records),
      forget: () => {
        if (this.#groups.get(groupId) === group) this.#groups.delete(groupId)
      },
    })
    this.#groups.set(groupId, group)
    return group
  }

  /** Waits for what is under way, so that the log can be closed. */
  async close(): Promise<void> {
    this.#state = 'closed'
    for (const group of this.#groups.values()) group.close()
    await this.#lastAppend
  }

  async #replayLog(): Promise<void> {
    const log = this.#partition
    const replay = new GroupLogReplay((record) => this.group(record.groupId).replay(record))
    let fromOffset = log.logStartOffset
    while (fromOffset < log.highWatermark && this.#state !== 'closed') {
      const outcome = await log.read({
        fromOffset,
        maxBytes: LOAD_BYTES,
        upTo: 'highWatermark',
        atLeastOneBatch: true,
      })
      if (outcome.kind !== 'records') throw new Error(`read at ${fromOffset}: ${outcome.kind}`)
      if (outcome.bytes.length === 0) break
      fromOffset = replay.replay(outcome.bytes)
      await this.#needs.host.timers.yield()
    }
  }

  #append(records: readonly GroupRecord[]): Promise<ErrorCode> {
    const timestamp = this.#needs.host.clock.nowMs()
    const batch = buildBatch({
      records: records.map((record) => ({ ...encodeRecord(record), timestamp })),
    })
    const settled = this.#inTurn(this.#appendBatch(batch), this.#lastAppend)
    this.#lastAppend = settled
    return settled
  }

  async #inTurn(appended: Promise<ErrorCode>, before: Promise<unknown>): Promise<ErrorCode> {
    const errorCode = await appended
    await before
    return errorCode
  }

  async #appendBatch(batch: Buffer): Promise<ErrorCode> {
    try {
      const outcome = await this.#partition.append(batch, { acks: -1, origin: 'coordinator' })
      return outcome.kind === 'refused' ? outcome.errorCode : ErrorCode.NONE
    } catch (error) {
      const { partition } = this.#partition
      this.#needs.log.error('group-append-failed', { partition, error: describeError(error) })
      return ErrorCode.KAFKA_STORAGE_ERROR
    }
  }
}
