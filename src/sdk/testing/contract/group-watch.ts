// A group of its own name, whose members remember what they were told, in order, for rules to look at.

import assert from 'node:assert/strict'
import type { IncomingRecord } from '../../events/record.ts'
import type {
  AssignedPartition,
  FetchedPartition,
  GroupMember,
  JoinOptions,
  TopicPartition,
} from '../../transport/group-member.ts'
import type { Transport } from '../../transport/transport.ts'
import type { ContractRun } from './rule.ts'

export type Told =
  | { readonly kind: 'assigned'; readonly partitions: readonly AssignedPartition[] }
  | { readonly kind: 'revoked' | 'lost'; readonly partitions: readonly TopicPartition[] }
  | { readonly kind: 'failed'; readonly error: Error }

type WatchedOptions = Partial<Omit<JoinOptions, 'group' | 'topics'>> & {
  readonly topics: readonly string[]
}

export class Group {
  readonly name: string
  readonly #run: ContractRun

  constructor(run: ContractRun) {
    this.name = run.uniqueName()
    this.#run = run
  }

  async join(transport: Transport, options: WatchedOptions): Promise<WatchedMember> {
    const watched = new WatchedMember(this.#run)
    const { timing } = this.#run
    const member = await transport.join({
      startAt: 'earliest',
      sessionTimeoutMs: timing.sessionTimeoutMs,
      rebalanceTimeoutMs: timing.rebalanceTimeoutMs,
      ...options,
      group: this.name,
      onAssigned: (partitions) => {
        watched.tell({ kind: 'assigned', partitions })
        options.onAssigned?.(partitions)
      },
      onRevoked: async (partitions) => {
        watched.tell({ kind: 'revoked', partitions })
        await options.onRevoked?.(partitions)
      },
      onLost: (partitions) => {
        watched.tell({ kind: 'lost', partitions })
        options.onLost?.(partitions)
      },
      onFailed: (error) => {
        watched.tell({ kind: 'failed', error })
        options.onFailed?.(error)
      },
    })
    watched.joined(member)
    return watched
  }
}

export class WatchedMember {
  readonly told: Told[] = []
  readonly #run: ContractRun
  readonly #held = new Map<string, AssignedPartition>()
  #member: GroupMember | undefined

  constructor(run: ContractRun) {
    this.#run = run
  }

  get member(): GroupMember {
    assert(this.#member !== undefined, 'the member is told of something before join has resolved')
    return this.#member
  }

  /** Sorted by topic and partition. */
  get held(): readonly AssignedPartition[] {
    return [...this.#held].sort(([a], [b]) => a.localeCompare(b)).map(([, assigned]) => assigned)
  }

  get heldPartitions(): readonly number[] {
    return this.held.map(({ partition }) => partition)
  }

  heard(kind: Told['kind']): boolean {
    return this.told.some((one) => one.kind === kind)
  }

  joined(member: GroupMember): void {
    this.#member = member
  }

  tell(told: Told): void {
    this.told.push(told)
    if (told.kind === 'failed') this.#held.clear()
    else if (told.kind === 'assigned') {
      assert(this.#member !== undefined, 'onAssigned came before join had resolved')
      for (const assigned of told.partitions) this.#held.set(nameOf(assigned), assigned)
    } else for (const partition of told.partitions) this.#held.delete(nameOf(partition))
  }

  untilHolds(count: number): Promise<void> {
    return this.#run.until(`${count} partitions held`, () => this.#held.size === count)
  }

  /** Polls until so many records have come; more may. */
  async take(count: number, maxBytes = 1_000_000): Promise<IncomingRecord[]> {
    const records: IncomingRecord[] = []
    while (records.length < count) {
      const fetched = await this.poll(maxBytes, () => {
        return `only ${records.length} of ${count} records came: ${records.map(textOf)}`
      })
      for (const one of fetched) records.push(...one.records)
    }
    return records
  }

  /** @throws Error when the rule's time is over: from then on every poll would be empty */
  async poll(
    maxBytes: number,
    explain = () => 'no more records came',
  ): Promise<readonly FetchedPartition[]> {
    const { signal } = this.#run
    const fetched = await this.member.poll({ maxBytes, signal })
    assert(!signal.aborted, explain())
    return fetched
  }

  /** Polls for so long, and gives what came. */
  async takeFor(durationMs: number): Promise<IncomingRecord[]> {
    const records: IncomingRecord[] = []
    const timeOver = new AbortController()
    void this.#run.pass(durationMs).then(() => timeOver.abort())
    while (!timeOver.signal.aborted) {
      const fetched = await this.member.poll({ maxBytes: 1_000_000, signal: timeOver.signal })
      for (const one of fetched) records.push(...one.records)
    }
    return records
  }
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${String(partition).padStart(6, '0')}`
}

export function textOf({ value }: Pick<IncomingRecord, 'value'>): string {
  return value === null ? 'null' : Buffer.from(value).toString()
}
