// What a parking lot refuses, beside what the engine refuses.

import { MillraceError } from '../../events/errors.ts'
import type { Position } from '../../events/record.ts'

/** A group's name becomes part of a topic's name, and topics allow less. */
export class UnfitGroupNameError extends MillraceError {
  readonly code = 'unfit-group-name'
  readonly retriable = false
  readonly group: string

  constructor(group: string) {
    super(
      `Events of group '${group}' cannot be parked: letters, digits, '.', '_' and '-' can be part of ` +
        'a topic name, 200 of them at most. Name the group so.',
    )
    this.group = group
  }
}

/** A record of a parked topic cannot be what it must be: nothing is guessed from it. */
export class ParkedRecordError extends MillraceError {
  readonly code = 'parked-record-unreadable'
  readonly retriable = false
  readonly position: Position

  constructor(position: Position, detail: string) {
    const { topic, partition, offset } = position
    super(
      `Record ${offset} of ${topic}/${partition} is no parked event: ${detail}. Copy it if it is wanted, ` +
        'then write a record with the same key and a null value.',
    )
    this.position = position
  }
}

/** The topic has fewer partitions than the events in it were spread over. */
export class ParkedTopicError extends MillraceError {
  readonly code = 'parked-topic-unfit'
  readonly retriable = false
  readonly topic: string

  constructor(topic: string, detail: string) {
    super(`Topic ${topic} cannot hold parked events: ${detail}`)
    this.topic = topic
  }
}
