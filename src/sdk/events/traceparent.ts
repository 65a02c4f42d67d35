// W3C Trace Context: `00-<trace id>-<span id>-<flags>`. Every event carries one, so that its path can
// be followed across services even where nobody records spans: without a tracer an event takes the
// trace of its cause, and its span id is drawn from its own id, so that the same event published again
// is the same bytes. Source: W3C Trace Context, level 1 and 2.

import { hash } from 'node:crypto'

export interface TraceContext {
  /** 32 hexadecimal digits, not all zero. */
  readonly traceId: string
  /** 16 hexadecimal digits, not all zero. */
  readonly spanId: string
  /** One byte; bit 0: sampled. */
  readonly flags: number
}

const SAMPLED = '01'
const VERSION_0 = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/
/** A later version may say more after the fields that are known. */
const LATER = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-|$)/
const NO_TRACE = '0'.repeat(32)
const NO_SPAN = '0'.repeat(16)
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Undefined when it is none: the trace then begins anew (section 4.3). */
export function parseTraceparent(text: string): TraceContext | undefined {
  if (!isTraceparent(text)) return undefined
  return {
    traceId: traceIdOf(text),
    spanId: text.slice(36, 52),
    flags: Number.parseInt(text.slice(53, 55), 16),
  }
}

export function isTraceparent(text: string): boolean {
  const isRead = text.startsWith('00') ? VERSION_0.test(text) : LATER.test(text)
  if (!isRead || text.startsWith('ff')) return false
  return !text.startsWith(NO_TRACE, 3) && !text.startsWith(NO_SPAN, 36)
}

function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35)
}

export function formatTraceparent({ traceId, spanId, flags }: TraceContext): string {
  return `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`
}

/**
 * The traceparent of an event that no tracer records.
 * @param cause that of what the event came of; undefined, or none: a new trace, named after the event
 */
export function traceparentFor(id: string, cause: string | undefined): string {
  const isUuid = UUID.test(id)
  const hex = isUuid ? '' : hash('sha256', id, 'hex')
  // The last 8 bytes of a UUID begin with its variant: never all zero.
  const spanId = isUuid ? id.slice(19, 23) + id.slice(24) : hex.slice(16, 32)
  if (cause !== undefined && isTraceparent(cause)) {
    return `00-${traceIdOf(cause)}-${spanId}-${cause.slice(53, 55)}`
  }
  const traceId = isUuid
    ? id.slice(0, 8) + id.slice(9, 13) + id.slice(14, 18) + spanId
    : hex.slice(0, 32)
  // Sampled: a receiver that follows the flag would otherwise drop what it records by default.
  return `00-${traceId}-${spanId}-${SAMPLED}`
}
