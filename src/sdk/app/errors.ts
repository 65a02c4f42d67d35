// Why an application does not start, and what it cannot write.

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

/** An event was to be appended to a stream that its key does not name. Nothing was written. */
export class StreamKeyError extends MillraceError {
  readonly code = 'stream-key'
  readonly retriable = false
  readonly topic: string
  readonly eventType: string
  readonly key: string
  readonly stream: string

  constructor(fields: { topic: string; eventType: string; key: string; stream: string }) {
    super(
      `${fields.eventType} has the key ${fields.key} and was to be appended to stream ` +
        `${fields.stream} of ${fields.topic}: the key of an event names its stream.`,
    )
    this.topic = fields.topic
    this.eventType = fields.eventType
    this.key = fields.key
    this.stream = fields.stream
  }
}
