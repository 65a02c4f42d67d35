// The one error of the SDK. Code asks for `code`, never for the text; `retriable` says whether the
// same call may succeed later without anybody changing anything.

export abstract class MillraceError extends Error {
  /** Stable, and unique among all errors of the SDK: `publish-refused`, `stream-conflict`. */
  abstract readonly code: string
  abstract readonly retriable: boolean

  override get name(): string {
    return this.constructor.name
  }
}

/** An event, a topic or a cause was declared in a way that cannot work. Thrown where it stands. */
export class DefinitionError extends MillraceError {
  readonly code = 'bad-definition'
  readonly retriable = false
}

/** Where data does not fit, and why. */
export interface Issue {
  /** `items[0].price`; empty for the data as a whole. */
  readonly path: string
  readonly message: string
}

/** The data of an event does not fit its schema, or JSON cannot carry it. Nothing was written. */
export class InvalidEventError extends MillraceError {
  readonly code = 'invalid-event'
  readonly retriable = false
  readonly eventType: string
  readonly issues: readonly Issue[]

  constructor(eventType: string, issues: readonly Issue[], cause?: unknown) {
    super(`${eventType} was not written, its data does not fit: ${describeIssues(issues)}.`, {
      cause,
    })
    this.eventType = eventType
    this.issues = issues
  }
}

/** The key function of a topic gave something that cannot be a key. Nothing was written. */
export class InvalidKeyError extends MillraceError {
  readonly code = 'invalid-key'
  readonly retriable = false
  readonly eventType: string
  readonly topic: string

  constructor(fields: { eventType: string; topic: string; detail: string; cause?: unknown }) {
    super(
      `${fields.eventType} was not written to ${fields.topic}: its key ${fields.detail}. ` +
        'A key is a string of at least one character.',
      { cause: fields.cause },
    )
    this.eventType = fields.eventType
    this.topic = fields.topic
  }
}

export class UnknownEventTypeError extends MillraceError {
  readonly code = 'unknown-event-type'
  readonly retriable = false
  readonly eventType: string

  constructor(eventType: string, where: string) {
    super(`No event ${eventType} is declared ${where}: list it among a topic's events.`)
    this.eventType = eventType
  }
}

/** An event type belongs to one topic, so that publishing knows where it goes. */
export class TwoOwnersError extends MillraceError {
  readonly code = 'two-owners'
  readonly retriable = false
  readonly eventType: string
  readonly topics: readonly [string, string]

  constructor(eventType: string, topics: readonly [string, string]) {
    super(
      `Event ${eventType} belongs to two topics, ${topics[0]} and ${topics[1]}: an event type has ` +
        'one owner. Take it out of one of them, or give the second one a type of its own.',
    )
    this.eventType = eventType
    this.topics = topics
  }
}

const DESCRIBED_ISSUES = 3

export function describeIssues(issues: readonly Issue[]): string {
  const told = issues.slice(0, DESCRIBED_ISSUES).map(describeIssue).join('; ')
  const more = issues.length - DESCRIBED_ISSUES
  return more > 0 ? `${told} (and ${more} more)` : told
}

function describeIssue({ path, message }: Issue): string {
  return path === '' ? message : `${path}: ${message}`
}
