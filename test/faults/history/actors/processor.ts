// A read-process-write loop: reads one partition from where its group is, makes a value of each
// record, and commits values and offset in one transaction. After anything uncertain it asks again
// where the group is.

import { ErrorCode } from '../../../../src/broker/wire/error-codes.ts'
import type { Source } from '../operations.ts'
import { type Arena, TryAgain } from './arena.ts'
import { askCommitted, pollOnce } from './polling.ts'
import type { Place, Session } from './session.ts'
import { type Habits, TransactionalActor } from './transactional-writer.ts'
import type { ClientOptions, TransactionalClient } from './transactions.ts'

export interface Loop {
  readonly group: string
  readonly input: Place
  readonly outputs: readonly Place[]
}

const POLL_MS = 20
const MAX_RECORDS = 5

export class Processor extends TransactionalActor {
  protected override readonly mayCommitParts = false
  readonly loop: Loop
  #position: number | undefined
  #assignment = 0

  constructor(options: ClientOptions, loop: Loop, habits: Habits) {
    super(options, habits)
    this.loop = loop
  }

  protected lost(): void {
    this.#position = undefined
  }

  protected async fill(session: Session, arena: Arena): Promise<boolean> {
    const { group, input, outputs } = this.loop
    if (this.#position === undefined) {
      const committed = await askCommitted(session, arena, { who: this.name, group, place: input })
      this.#position = Math.max(0, committed)
      this.#assignment++
    }
    const { errorCode, records } = await pollOnce(session, arena, {
      ...{ reader: this.name, group, assignment: this.#assignment, isolation: 'read_committed' },
      ...{ place: input, fromOffset: this.#position, maxWaitMs: POLL_MS, maxRecords: MAX_RECORDS },
    })
    if (errorCode !== ErrorCode.NONE) throw new TryAgain()
    const last = records.at(-1)
    if (last === undefined) return false
    for (const [index, place] of outputs.entries()) {
      const mine = records.filter(({ offset }) => offset % outputs.length === index)
      if (mine.length === 0) continue
      const sources = mine.map(({ offset }): Source => ({ group, partition: input.name, offset }))
      const values = mine.map(() => this.client.newValue())
      await this.client.send(session, arena, { place, values, sources })
    }
    const offset = last.offset + 1
    await this.client.stage(session, arena, { group, at: { ...input, offset } })
    this.#position = offset
    return true
  }

  protected async haunt(
    zombie: TransactionalClient,
    session: Session,
    arena: Arena,
  ): Promise<void> {
    if (arena.random.chance(0.3)) return
    const { group, input } = this.loop
    await zombie.stage(session, arena, { group, at: { ...input, offset: 0 } })
  }
}
