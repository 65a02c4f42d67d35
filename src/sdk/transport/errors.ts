// What can go wrong between the SDK and an engine, the same on every engine.

import { MillraceError } from '../events/errors.ts'
import type { ExpectedVersion } from './event-store.ts'

const SHOWN_CHARACTERS = 40

/** @param outcome `unknown`: no answer came, and the records may have been written */
export class SendError extends MillraceError {
  readonly code = 'send-failed'
  readonly retriable: boolean
  readonly topic: string
  readonly partition: number
  readonly outcome: 'not-written' | 'unknown'

  constructor(fields: {
    message: string
    topic: string
    partition: number
    retriable: boolean
    outcome: 'not-written' | 'unknown'
    cause?: unknown
  }) {
    super(fields.message, { cause: fields.cause })
    this.topic = fields.topic
    this.partition = fields.partition
    this.retriable = fields.retriable
    this.outcome = fields.outcome
  }
}

export class UnknownTopicError extends MillraceError {
  readonly code = 'unknown-topic'
  readonly retriable = false
  readonly topic: string

  constructor(topic: string) {
    super(`There is no topic ${topic}: create it, or let connect() know of it.`)
    this.topic = topic
  }
}

/** The member is not of the group's present generation: what it finished late is somebody else's now. */
export class FencedMemberError extends MillraceError {
  readonly code = 'fenced-member'
  readonly retriable = false
  readonly group: string

  constructor(group: string, cause?: unknown) {
    super(`This member is no longer part of group ${group}: its partitions belong to others.`, {
      cause,
    })
    this.group = group
  }
}

/** What is committed along with an offset is kept by the engine, which has little room for it. */
export class OffsetMetadataTooLargeError extends MillraceError {
  readonly code = 'offset-metadata-too-large'
  readonly retriable = false
  readonly group: string
  readonly bytes: number
  readonly maxBytes: number

  constructor(fields: { group: string; bytes: number; maxBytes: number }) {
    super(
      `Group ${fields.group} cannot commit ${fields.bytes} bytes of metadata with an offset: ` +
        `${fields.maxBytes} are allowed. Nothing was committed.`,
    )
    this.group = fields.group
    this.bytes = fields.bytes
    this.maxBytes = fields.maxBytes
  }
}

export class TransportClosedError extends MillraceError {
  readonly code = 'transport-closed'
  readonly retriable = false

  constructor() {
    super('The connection to the engine was closed by its application: open another one.')
  }
}

export class ProducerFencedError extends MillraceError {
  readonly code = 'producer-fenced'
  readonly retriable = false
  readonly transactionalId: string

  constructor(transactionalId: string, cause?: unknown) {
    super(`Another producer has taken the transactional id ${transactionalId}.`, { cause })
    this.transactionalId = transactionalId
  }
}

/** The transaction may be committed or not: read before doing it again. */
export class OutcomeUnknownError extends MillraceError {
  readonly code = 'outcome-unknown'
  readonly retriable = false
}

/** It is no token, or one of a version that this code does not know. */
export class TokenFormatError extends MillraceError {
  readonly code = 'token-malformed'
  readonly retriable = false

  constructor(text: string) {
    const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}...` : text
    super(`${JSON.stringify(shown)} is no consistency token: pass on unchanged what a write gave.`)
  }
}

/** It would not fit a header or a cookie. */
export class TokenSizeError extends MillraceError {
  readonly code = 'token-too-large'
  readonly retriable = false
  readonly characters: number

  constructor(characters: number, maxCharacters: number) {
    super(
      `A consistency token of ${characters} characters is more than ${maxCharacters}: it is about ` +
        'too many partitions. Wait for some of the writes apart.',
    )
    this.characters = characters
  }
}

/** A token is about another log, or about a partition that this one has not. Nothing can be waited for. */
export class UnknownLogError extends MillraceError {
  readonly code = 'token-unknown-log'
  readonly retriable = false
  readonly logId: string
  readonly expectedLogId: string

  constructor(
    logId: string,
    expectedLogId: string,
    place?: { readonly topic: string; readonly partition: number },
  ) {
    super(
      place === undefined
        ? `The token is of log ${logId}, not of ${expectedLogId}: offsets of one mean nothing in the other.`
        : `The token is about partition ${place.partition} of ${place.topic}, which log ${expectedLogId} has not.`,
    )
    this.logId = logId
    this.expectedLogId = expectedLogId
  }
}

/** The partition went on under a later leader epoch than the token's: it may not have the write. */
export class OlderEpochError extends MillraceError {
  readonly code = 'token-older-epoch'
  readonly retriable = false
  readonly topic: string
  readonly partition: number
  readonly leaderEpoch: number
  readonly currentEpoch: number

  constructor(
    position: { readonly topic: string; readonly partition: number; readonly leaderEpoch: number },
    currentEpoch: number,
  ) {
    const { topic, partition, leaderEpoch } = position
    super(
      `The token is of leader epoch ${leaderEpoch} of ${topic} partition ${partition}, which is in ` +
        `${currentEpoch} now: read without it, or write again.`,
    )
    this.topic = topic
    this.partition = partition
    this.leaderEpoch = leaderEpoch
    this.currentEpoch = currentEpoch
  }
}

export class CapabilityMissingError extends MillraceError {
  readonly code = 'capability-missing'
  readonly retriable = false
}

export class WrongExpectedVersionError extends MillraceError {
  readonly code = 'wrong-expected-version'
  readonly retriable = false
  readonly stream: string
  readonly expectedVersion: ExpectedVersion
  readonly actualVersion: number

  constructor(fields: {
    store: string
    stream: string
    expectedVersion: ExpectedVersion
    actualVersion: number
  }) {
    const actual =
      fields.actualVersion < 0 ? 'has no events' : `is at version ${fields.actualVersion}`
    super(
      `Stream ${fields.stream} of store ${fields.store} ${actual}, expected ` +
        `${fields.expectedVersion}: read it again and decide anew.`,
    )
    this.stream = fields.stream
    this.expectedVersion = fields.expectedVersion
    this.actualVersion = fields.actualVersion
  }
}

export class StreamDeletedError extends MillraceError {
  readonly code = 'stream-deleted'
  readonly retriable = false
  readonly stream: string

  constructor(store: string, stream: string) {
    super(`Stream ${stream} of store ${store} was deleted for ever: use another name.`)
    this.stream = stream
  }
}

/** Some of the events stand in the stream already, but not as one append with these ids. */
export class DuplicateEventError extends MillraceError {
  readonly code = 'duplicate-event'
  readonly retriable = false
  readonly stream: string

  constructor(store: string, stream: string, detail: string) {
    super(`Stream ${stream} of store ${store} holds part of this append already: ${detail}`)
    this.stream = stream
  }
}

/** It makes no sense whatever stands in the store: a name that cannot be, a stream named twice. */
export class InvalidAppendError extends MillraceError {
  readonly code = 'invalid-append'
  readonly retriable = false
  readonly store: string

  constructor(store: string, detail: string) {
    super(`Store ${store} cannot take this append. ${detail}`)
    this.store = store
  }
}

export class StreamBusyError extends MillraceError {
  readonly code = 'stream-busy'
  readonly retriable = true
  readonly stream: string

  constructor(store: string, stream: string) {
    super(`An open transaction writes to stream ${stream} of store ${store}: try again.`)
    this.stream = stream
  }
}

/** Nothing is lost by it: the state is made of the events again. */
export class SnapshotNotKeptError extends MillraceError {
  readonly code = 'snapshot-not-kept'
  readonly retriable: boolean
  readonly stream: string
  readonly snapshot: string
  readonly reason: 'too-large' | 'no-room' | 'not-json'

  constructor(fields: {
    message: string
    stream: string
    snapshot: string
    reason: SnapshotNotKeptError['reason']
    cause?: unknown
  }) {
    super(fields.message, { cause: fields.cause })
    this.stream = fields.stream
    this.snapshot = fields.snapshot
    this.reason = fields.reason
    this.retriable = fields.reason === 'no-room'
  }
}

/** A statement that the tables refused. `kind` says what a program may act on. */
export class SqlError extends MillraceError {
  readonly code = 'sql-failed'
  readonly retriable: boolean
  /** `busy`: another writer had the tables for too long; `unique`: a row with this key is there. */
  readonly kind: 'busy' | 'unique' | 'constraint' | 'full' | 'statement'

  constructor(fields: { message: string; kind: SqlError['kind']; cause?: unknown }) {
    super(fields.message, { cause: fields.cause })
    this.kind = fields.kind
    this.retriable = fields.kind === 'busy' || fields.kind === 'full'
  }
}
