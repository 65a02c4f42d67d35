// For tests of the checker: small histories written by hand, one line for a step. Steps follow one
// another; what overlaps is begun with `begin`.

import { History } from '../history.ts'
import type {
  Isolation,
  MemberName,
  Operation,
  Poll,
  StoredValue,
  Subscription,
  TransactionName,
} from '../operations.ts'
import { check } from './check.ts'

export const PLACE = 'orders-0'

export class Story {
  readonly #history: History
  #nowMs = 0
  #number = 0
  readonly #beats = new Map<string, number>()

  constructor() {
    this.#history = new History(() => this.#nowMs++)
  }

  get operations(): readonly Operation[] {
    return this.#history.operations
  }

  /** What the checker says of it. */
  get found(): string[] {
    return [...new Set(check(this.operations).map(({ kind }) => kind))]
  }

  transaction(name: string, incarnation = 1): TransactionName {
    return { name, transactionalId: name.slice(0, 2), incarnation }
  }

  /** Acknowledged at `at`; without it the answer was lost. */
  send(
    value: string,
    { at, to = PLACE, in: transaction, from, stream = 'p', key, fails }: SendStep = {},
  ): this {
    const operation = this.#history.invoke(stream, {
      kind: 'send',
      partition: to,
      values: [value],
      keys: key === undefined ? undefined : [key],
      stream,
      number: this.#number++,
      ...(transaction !== undefined && { transaction }),
      ...(from !== undefined && {
        sources: [{ group: 'loop', partition: 'input-0', offset: from }],
      }),
    })
    if (fails !== undefined) operation.fail(fails)
    else if (at !== undefined) operation.ok({ baseOffset: at })
    return this
  }

  init(incarnation: number, transactionalId = 't1'): this {
    this.#history.note('p', { kind: 'init', transactionalId, incarnation })
    return this
  }

  commit(transaction: TransactionName, outcome: 'ok' | 'fail' | 'info' = 'ok'): this {
    return this.#end(transaction, true, outcome)
  }

  abort(transaction: TransactionName): this {
    return this.#end(transaction, false, 'ok')
  }

  stage(transaction: TransactionName, offset: number, partition = PLACE): this {
    this.#history.note('p', { kind: 'stage', transaction, group: 'loop', partition, offset })
    return this
  }

  commitOffset(offset: number, outcome: 'ok' | 'fail' | 'info' = 'ok', by?: MemberName): this {
    const action = { kind: 'commit', group: 'loop', partition: PLACE, offset, by } as const
    const operation = this.#history.invoke('r', action)
    if (outcome === 'ok') operation.ok()
    else if (outcome === 'fail') operation.fail('refused')
    return this
  }

  committed(
    offset: number,
    { isFinal = false, partition = PLACE }: { isFinal?: boolean; partition?: string } = {},
  ): this {
    const action = { kind: 'committed', group: 'loop', partition, isFinal } as const
    this.#history.invoke('r', action).ok({ offset })
    return this
  }

  /** @param records `0:a 1:b` */
  poll(records: string, step: PollStep = {}): this {
    const { from, to, reader = 'r', assignment = 1, of: partition = PLACE, ...rest } = step
    const read = recordsOf(records)
    const fromOffset = from ?? read[0]?.offset ?? 0
    const { isolation = 'read_uncommitted' } = step
    const action: Poll = {
      ...{ kind: 'poll', reader, assignment, isolation, partition, fromOffset },
      ...(rest.group !== undefined && { group: rest.group }),
      ...(rest.isFinal !== undefined && { isFinal: rest.isFinal }),
    }
    this.#history.invoke(reader, action).ok({
      records: read,
      nextOffset: to ?? (read.at(-1)?.offset ?? fromOffset - 1) + 1,
      ...(rest.highWatermark !== undefined && { highWatermark: rest.highWatermark }),
      ...(rest.lastStableOffset !== undefined && { lastStableOffset: rest.lastStableOffset }),
      ...(rest.logStartOffset !== undefined && { logStartOffset: rest.logStartOffset }),
    })
    return this
  }

  /** Two answers under way at once, with these high watermarks. */
  pollsAtOnce(...highWatermarks: number[]): this {
    const begin = () => {
      const rest = { assignment: 1, isolation: 'read_uncommitted', partition: PLACE } as const
      return this.#history.invoke('r', { kind: 'poll', reader: 'r', fromOffset: 0, ...rest })
    }
    const polls = highWatermarks.map((highWatermark) => ({ poll: begin(), highWatermark }))
    for (const { poll, highWatermark } of polls) poll.ok({ highWatermark, nextOffset: 0 })
    return this
  }

  /** What there is when all is over; the second when readers of committed data see less. */
  final(all: string, committed = all, { from = 0, of = PLACE, to = 100 } = {}): this {
    this.poll(all, { from, to, of, isFinal: true, reader: 'end' })
    return this.poll(committed, {
      ...{ from, to, of, isFinal: true, reader: 'end committed' },
      isolation: 'read_committed',
    })
  }

  deleteRecords(offset: number): this {
    this.#history.note('a', { kind: 'delete-records', partition: PLACE, offset })
    return this
  }

  /** Of the group `loop`, for orders-0. @param at the epoch that it comes with */
  heartbeat(member: string, at: number, step: HeartbeatStep = {}): this {
    const { holds, to, is, fails, instance, wants, lost } = step
    const held = holds === true ? [PLACE] : []
    const number = this.#beats.get(member) ?? 0
    this.#beats.set(member, number + 1)
    const operation = this.#history.invoke(member, {
      ...{ kind: 'heartbeat', group: 'loop', member, memberEpoch: at, held },
      ...(instance !== undefined && { instance }),
      ...(wants !== undefined && { subscribed: wants }),
      number,
    })
    if (lost === true) operation.info()
    else if (fails !== undefined) operation.fail(fails)
    else operation.ok({ epoch: to ?? at, assigned: (is ?? holds) === true ? [PLACE] : [] })
    return this
  }

  /** Into a generation of the classic group `loop`, which gives it these. */
  join(member: string, generation: number, assigned: readonly string[], step: JoinStep = {}): this {
    const { instance, wants } = step
    const operation = this.#history.invoke(member, {
      ...{ kind: 'join', group: 'loop', member: '' },
      ...(instance !== undefined && { instance }),
      ...(wants !== undefined && { subscribed: wants }),
    })
    operation.ok({ member, generation, assigned })
    return this
  }

  note(action: Parameters<History['note']>[1]): this {
    this.#history.note('n', action)
    return this
  }

  #end(transaction: TransactionName, isCommit: boolean, outcome: 'ok' | 'fail' | 'info'): this {
    const operation = this.#history.invoke('p', { kind: 'end', transaction, isCommit })
    if (outcome === 'ok') operation.ok()
    else if (outcome === 'fail') operation.fail('refused')
    return this
  }
}

interface SendStep {
  readonly at?: number
  readonly to?: string
  readonly in?: TransactionName
  readonly from?: number
  readonly stream?: string
  readonly key?: string
  readonly fails?: string
}

interface HeartbeatStep {
  readonly holds?: boolean
  /** The epoch that it is answered with. */
  readonly to?: number
  /** Whether it is to hold it; as before. */
  readonly is?: boolean
  readonly fails?: string
  readonly lost?: boolean
  readonly instance?: string
  readonly wants?: Subscription
}

interface JoinStep {
  readonly instance?: string
  readonly wants?: Subscription
}

interface PollStep {
  readonly from?: number
  readonly to?: number
  readonly of?: string
  readonly reader?: string
  readonly group?: string
  readonly assignment?: number
  readonly isolation?: Isolation
  readonly isFinal?: boolean
  readonly highWatermark?: number
  readonly lastStableOffset?: number
  readonly logStartOffset?: number
}

function recordsOf(text: string): StoredValue[] {
  return text
    .split(' ')
    .filter((part) => part !== '')
    .map((part) => ({ offset: Number(part.split(':')[0]), value: part.split(':')[1]! }))
}
