// Why an application does not start.

import { MillraceError } from '../events/errors.ts'

/** A topic stands already, with another number of partitions: events of a key would change places. */
export class TopicMismatchError extends MillraceError {
  readonly code = 'topic-mismatch'
  readonly retriable = false
  readonly topic: string
  readonly declared: number
  readonly actual: number

  constructor(fields: { topic: string; declared: number; actual: number }) {
    super(
      `Topic ${fields.topic} has ${fields.actual} partitions, this application declares ` +
        `${fields.declared}: with another number the events of a key would no longer be in order. ` +
        `Declare ${fields.actual}, or move the events to a new topic.`,
    )
    this.topic = fields.topic
    this.declared = fields.declared
    this.actual = fields.actual
  }
}
