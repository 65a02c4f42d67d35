// Names of the headers that an event travels with: CloudEvents 1.0 in binary mode (Kafka protocol
// binding 3.2), its correlation extension, W3C Trace Context, and our own under `millrace-`. Metadata
// of the application are CloudEvents extension attributes, so that other tools see them; their names
// are checked, because a name that means something to the envelope would let a caller overwrite it.

import { DefinitionError } from './errors.ts'
import type { Header, IncomingRecord } from './record.ts'

export const HEADER = {
  specVersion: 'ce_specversion',
  id: 'ce_id',
  type: 'ce_type',
  source: 'ce_source',
  time: 'ce_time',
  subject: 'ce_subject',
  correlationId: 'ce_correlationid',
  causationId: 'ce_causationid',
  contentType: 'content-type',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
  schema: 'millrace-schema',
  version: 'millrace-version',
} as const

/** Facts of the application that travel along from cause to effect: `{ actor: 'u7', tenant: 'acme' }`. */
export type Metadata = Readonly<Record<string, string>>

const EXTENSION_PREFIX = 'ce_'

/** Attributes that CloudEvents and its extensions define: never metadata of the application. */
const DEFINED_ATTRIBUTES = new Set([
  'specversion',
  'id',
  'type',
  'source',
  'time',
  'subject',
  'data',
  'datacontenttype',
  'dataschema',
  'partitionkey',
  'correlationid',
  'causationid',
  'traceparent',
  'tracestate',
])

/** CloudEvents 1.0, "attribute naming convention". */
const ATTRIBUTE_NAME = /^[a-z0-9]{1,20}$/

/** @throws DefinitionError when a name cannot be an attribute or is one of the envelope's own */
export function checkMetadata(metadata: Metadata): void {
  for (const [name, value] of Object.entries(metadata)) {
    if (!ATTRIBUTE_NAME.test(name)) {
      throw new DefinitionError(
        `Metadata cannot be named ${JSON.stringify(name)}: CloudEvents allows 1 to 20 of a-z and 0-9.`,
      )
    }
    if (DEFINED_ATTRIBUTES.has(name)) {
      throw new DefinitionError(
        `Metadata cannot be named ${name}: that is a header of the event itself, which nobody overwrites.`,
      )
    }
    if (typeof value !== 'string') {
      throw new DefinitionError(`Metadata ${name} must be a string, not ${typeof value}.`)
    }
  }
}

export function metadataHeader(name: string): string {
  return EXTENSION_PREFIX + name
}

export function metadataOf(headers: readonly Header[]): Metadata {
  const metadata: Record<string, string> = {}
  for (const [header, value] of headers) {
    if (value === null || !header.startsWith(EXTENSION_PREFIX)) continue
    const name = header.slice(EXTENSION_PREFIX.length)
    if (ATTRIBUTE_NAME.test(name) && !DEFINED_ATTRIBUTES.has(name)) metadata[name] = textOf(value)
  }
  return metadata
}

/** The last one counts when a name repeats, as in Kafka's own `lastHeader`. */
export function headerOf(headers: readonly Header[], name: string): Uint8Array | undefined {
  for (let at = headers.length - 1; at >= 0; at--) {
    const header = headers[at]!
    if (header[0] === name) return header[1] ?? undefined
  }
  return undefined
}

type WithHeaders = Pick<IncomingRecord, 'headers' | 'header'>

/** The same of a record, by the engine's own way where it has one. */
export function recordHeader(record: WithHeaders, name: string): Uint8Array | undefined {
  if (record.header === undefined) return headerOf(record.headers, name)
  return record.header(name) ?? undefined
}

/** Undefined when there is no such header, or an empty one. */
export function headerTextOf(headers: readonly Header[], name: string): string | undefined {
  return filledText(headerOf(headers, name))
}

/** As `headerTextOf`. */
export function recordHeaderText(record: WithHeaders, name: string): string | undefined {
  return filledText(recordHeader(record, name))
}

function filledText(value: Uint8Array | undefined): string | undefined {
  return value === undefined || value.length === 0 ? undefined : textOf(value)
}

/** As UTF-8; what is not is replaced by U+FFFD. */
export function textOf(bytes: Uint8Array): string {
  if (bytes instanceof Buffer) return bytes.toString()
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()
}
