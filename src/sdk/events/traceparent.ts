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

const SAMPLED = 1
const PATTERN = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** Undefined when it is none: the trace then begins anew (section 4.3). */
export function parseTraceparent(text: string): TraceContext | undefined {
  const match = PATTERN.exec(text)
  if (match === null) return undefined
  const [, version = '', traceId = '', spanId = '', flags = '', rest] = match
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, flags: Number.parseInt(flags, 16) }
}

export function formatTraceparent({ traceId, spanId, flags }: TraceContext): string {
  return `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`
}

/**
 * The traceparent of an event that no tracer records.
 * @param cause that of what the event came of; undefined, or none: a new trace, named after the event
 */
export function traceparentFor(id: string, cause: string | undefined): string {
  const hex = UUID.test(id) ? id.replaceAll('-', '') : hash('sha256', id, 'hex').slice(0, 32)
  // The last 8 bytes of a UUID begin with its variant: never all zero.
  const spanId = hex.slice(16)
  const parent = cause === undefined ? undefined : parseTraceparent(cause)
  if (parent !== undefined) return formatTraceparent({ ...parent, spanId })
  // Sampled: a receiver that follows the flag would otherwise drop what it records by default.
  return formatTraceparent({ traceId: hex, spanId, flags: SAMPLED })
}
