// A record of somebody else's form, as `typeOf` and `decode` of a foreign topic see it. What is worked
// out of its bytes is worked out once, however many of the two ask for it.

import type { IncomingRecord } from './record.ts'

export class ForeignRecord {
  readonly record: IncomingRecord
  #text: string | undefined
  #json: Readonly<Record<string, unknown>> | undefined

  constructor(record: IncomingRecord) {
    this.record = record
  }

  get value(): Uint8Array | null {
    return this.record.value
  }

  /** The value as UTF-8. @throws when there is none, or it is something else */
  get text(): string {
    this.#text ??= textOf(this.record.value)
    return this.#text
  }

  /** The value as a JSON object. @throws when it is something else */
  get json(): Readonly<Record<string, unknown>> {
    this.#json ??= objectOf(this.text)
    return this.#json
  }

  /** The record's key as UTF-8; undefined when it has none. */
  get key(): string | undefined {
    return this.record.key === null ? undefined : utf8.decode(this.record.key)
  }

  /** The last header of this name as UTF-8. */
  header(name: string): string | undefined {
    const value = this.record.headers.findLast((header) => header[0] === name)?.[1]
    return value === undefined || value === null ? undefined : utf8.decode(value)
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function textOf(value: Uint8Array | null): string {
  if (value === null) throw new TypeError('the record has no value')
  return utf8.decode(value)
}

function objectOf(text: string): Readonly<Record<string, unknown>> {
  const json: unknown = JSON.parse(text)
  if (typeof json === 'object' && json !== null) return json as Readonly<Record<string, unknown>>
  throw new TypeError('the value is not a JSON object')
}
