// One run of a handler, and what the handler is given. It ends once: with the handler's own outcome, or
// when it is given up. What the handler does after that has no effect.

import type { Message } from '../../events/event.ts'
import { derivedId } from '../../events/ids.ts'
import type { StoredEvent } from '../../events/stored-event.ts'
import type { SqlTransaction } from '../../transport/tables.ts'
import type { HandlerContext, PublishOptions } from '../context.ts'
import { PublishAfterEndError } from '../errors.ts'
import { messagesOf, type Outgoing } from '../outgoing.ts'
import type { Output, PartitionRun } from './partition-run.ts'

const NO_OUTPUTS: readonly Output[] = []

export class Attempt implements HandlerContext {
  readonly group: string
  readonly attempt: number
  /** Of a batch the first one: what is published comes of it. */
  event: StoredEvent
  /** Undefined for an event alone. */
  batch: readonly StoredEvent[] | undefined
  readonly run: PartitionRun
  /** On the monotonic clock, once it is known that the handler waits for something. */
  startedMs = 0
  tx: SqlTransaction | undefined
  readonly #outgoing: Outgoing
  /** Made with the first: most handlers publish nothing. */
  #outputs: Output[] | undefined
  /** Made when the handler asks for its signal: most don't. */
  #controller: AbortController | undefined
  #abortReason: Error | undefined
  #isOver = false
  #onGivenUp: ((reason: Error) => void) | undefined

  constructor(options: {
    group: string
    attempt: number
    event: StoredEvent
    batch: readonly StoredEvent[] | undefined
    run: PartitionRun
    outgoing: Outgoing
  }) {
    this.group = options.group
    this.attempt = options.attempt
    this.event = options.event
    this.batch = options.batch
    this.run = options.run
    this.#outgoing = options.outgoing
  }

  /** Of its batch only these are left: the others had been handled before. */
  narrow(batch: readonly StoredEvent[]): void {
    this.event = batch[0] ?? this.event
    this.batch = batch
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason)
    }
    return this.#controller.signal
  }

  /** Why its signal was aborted, if it was. */
  get abortReason(): Error | undefined {
    return this.#abortReason
  }

  abort(reason: Error): void {
    if (this.#abortReason !== undefined) return
    this.#abortReason = reason
    this.#controller?.abort(reason)
  }

  async publish(
    messages: Message | readonly Message[],
    options: PublishOptions = {},
  ): Promise<void> {
    if (this.#isOver || this.#abortReason !== undefined) {
      throw new PublishAfterEndError(this.group, this.event.id)
    }
    for (const message of messagesOf(messages, options)) {
      const { id, source = '' } = this.event
      this.#outputs ??= []
      const outputId = options.id ?? derivedId(this.group, source, id, this.#outputs.length)
      const encoded = this.#outgoing.encode(message, { ...options, id: outputId }, this.event)
      const topic = encoded.via ?? encoded.topic.name
      this.#outputs.push({ topic, record: encoded.record })
    }
  }

  /** What the handler published; nothing can be added any more. */
  end(): readonly Output[] {
    this.#isOver = true
    return this.#outputs ?? NO_OUTPUTS
  }

  /** What is kept with its claims goes out: of those that were made before, what was published then. */
  publishInstead(outputs: readonly Output[]): void {
    this.#outputs = [...outputs]
  }

  /** The handler waits for something, and may never end. */
  whenGivenUp(callback: (reason: Error) => void): void {
    this.#onGivenUp = callback
  }

  /** It did not stop in time: goes on without it. */
  giveUp(reason: Error): void {
    this.#onGivenUp?.(reason)
  }
}
