// Who holds which transactional id, and what its open transaction has written (KIP-98). A newer
// producer of an id has a higher epoch: what the older one had open is aborted, and it is fenced.

import type { Timer } from '../../../host/clock.ts'
import { ProducerFencedError } from '../../transport/errors.ts'
import type { World } from '../../transport/transport.ts'
import type { PartitionLog, TransactionState } from './partition-log.ts'

interface Holder {
  epoch: number
  open: OpenTransaction | undefined
}

export interface TransactionHandle {
  readonly transactionalId: string
  readonly epoch: number
}

/** What a transaction does once it is decided: offsets of groups become valid, or are forgotten. */
type Ending = (outcome: 'committed' | 'aborted') => void

export class OpenTransaction implements TransactionState {
  state: TransactionState['state'] = 'open'
  readonly #logs = new Set<PartitionLog>()
  readonly #endings: Ending[] = []

  wrote(log: PartitionLog): void {
    this.#logs.add(log)
  }

  onEnd(ending: Ending): void {
    this.#endings.push(ending)
  }

  end(outcome: 'committed' | 'aborted'): void {
    this.state = outcome
    for (const ending of this.#endings) ending(outcome)
    for (const log of this.#logs) log.mark(this)
  }
}

export class TransactionalIds {
  readonly #world: World
  readonly #timeoutMs: number
  readonly #holders = new Map<string, Holder>()
  readonly #timers = new Map<OpenTransaction, Timer>()

  constructor(world: World, timeoutMs: number) {
    this.#world = world
    this.#timeoutMs = timeoutMs
  }

  take(transactionalId: string): TransactionHandle {
    const holder = this.#holders.get(transactionalId) ?? { epoch: -1, open: undefined }
    this.#holders.set(transactionalId, holder)
    this.#finish(holder, 'aborted')
    holder.epoch++
    return { transactionalId, epoch: holder.epoch }
  }

  begin(handle: TransactionHandle): OpenTransaction {
    const holder = this.check(handle)
    const transaction = new OpenTransaction()
    holder.open = transaction
    const timer = this.#world.timers.after(this.#timeoutMs, () => {
      this.#finish(holder, 'aborted')
      holder.epoch++
    })
    this.#timers.set(transaction, timer)
    return transaction
  }

  /** @throws ProducerFencedError */
  end(handle: TransactionHandle, outcome: 'committed' | 'aborted'): void {
    this.#finish(this.check(handle), outcome)
  }

  /** @throws ProducerFencedError */
  check(handle: TransactionHandle): Holder {
    const holder = this.#holders.get(handle.transactionalId)
    if (holder === undefined || holder.epoch !== handle.epoch) {
      throw new ProducerFencedError(handle.transactionalId)
    }
    return holder
  }

  #finish(holder: Holder, outcome: 'committed' | 'aborted'): void {
    const { open } = holder
    if (open === undefined) return
    holder.open = undefined
    this.#timers.get(open)?.cancel()
    this.#timers.delete(open)
    open.end(outcome)
  }
}
