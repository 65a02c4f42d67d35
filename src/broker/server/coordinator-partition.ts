// The groups of one partition of __consumer_offsets: read back from its log at start, then kept in
// memory and appended to. Records that cannot be understood leave all of them unserved.
// Invariant: what a transaction staged here is settled by its marker, and by nothing else.

import type { GroupSettings } from '../coordinators/groups/input.ts'
import { encodeRecord, type GroupRecord } from '../coordinators/groups/records.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { ConsumerGroupNeeds } from './coordinator-consumer-group.ts'
import { coordinatorCounters } from './coordinator-counters.ts'
import type { CoordinatorFaults } from './coordinator-faults.ts'
import { HostedGroup } from './coordinator-group.ts'
import { CoordinatorLog, type CoordinatorLogNeeds } from './coordinator-log.ts'
import { replayGroupLog } from './coordinator-replay.ts'
import type { GroupMemory } from './group-memory.ts'

export interface CoordinatorPartitionNeeds extends CoordinatorLogNeeds {
  readonly settings: GroupSettings
  readonly memory: GroupMemory
  readonly faults?: CoordinatorFaults | undefined
  readonly consumers: ConsumerGroupNeeds
}

export class CoordinatorPartition {
  readonly #log: CoordinatorLog
  readonly #needs: CoordinatorPartitionNeeds
  readonly #groups = new Map<string, HostedGroup>()

  constructor(partition: PartitionLog, needs: CoordinatorPartitionNeeds) {
    this.#log = new CoordinatorLog(partition, needs)
    this.#needs = needs
  }

  /** NONE when its groups are served. */
  get errorCode(): ErrorCode {
    return this.#log.errorCode
  }

  get groups(): ReadonlyMap<string, HostedGroup> {
    return this.#groups
  }

  /** Never rejects: what goes wrong is logged and leaves the groups unserved. */
  async load(): Promise<void> {
    const isServed = await this.#log.load((batches) =>
      replayGroupLog(batches, {
        record: (record, stagedBy) => this.#replay(record, stagedBy),
        endTransaction: (producerId, isCommit) => {
          coordinatorCounters.stagedOffsetsSettled++
          this.#endTransaction(producerId, isCommit)
        },
      }),
    )
    if (!isServed) this.#groups.clear()
    coordinatorCounters.groupsFound += this.#groups.size
    for (const group of [...this.#groups.values()]) group.restore()
  }

  /** The group of that id, made when there is none: one that stays without content goes again. */
  group(groupId: string): HostedGroup {
    const known = this.#groups.get(groupId)
    if (known !== undefined) return known
    const group = new HostedGroup(groupId, {
      host: this.#needs.host,
      settings: this.#needs.settings,
      memory: this.#needs.memory,
      faults: this.#needs.faults,
      consumers: this.#needs.consumers,
      append: (records, stagedBy) => this.#log.append(records.map(encodeRecord), stagedBy),
      forget: () => {
        if (this.#groups.get(groupId) === group) this.#groups.delete(groupId)
      },
    })
    this.#groups.set(groupId, group)
    return group
  }

  /** Writes the marker, behind what was staged so far. @returns NONE once it counts */
  async endTransaction(
    marker: Buffer,
    { producerId, isCommit }: { readonly producerId: number; readonly isCommit: boolean },
  ): Promise<ErrorCode> {
    if (this.errorCode !== ErrorCode.NONE) return this.errorCode
    const errorCode = await this.#log.appendMarker(marker)
    if (errorCode === ErrorCode.NONE) this.#endTransaction(producerId, isCommit)
    return errorCode
  }

  /** Waits for what is under way, so that the log can be closed. */
  async close(): Promise<void> {
    for (const group of this.#groups.values()) group.close()
    await this.#log.close()
  }

  #replay(record: GroupRecord, stagedBy: number | undefined): void {
    if (record.kind === 'offset' && this.#needs.faults?.offsetsForgottenAtStart === true) return
    if (stagedBy !== undefined) coordinatorCounters.stagedOffsetsFound++
    this.group(record.groupId).replay(record, stagedBy)
  }

  #endTransaction(producerId: number, isCommit: boolean): void {
    for (const group of [...this.#groups.values()]) group.endTransaction(producerId, isCommit)
  }
}
