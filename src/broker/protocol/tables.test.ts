// Compares the declarations, field by field, with the facts of Kafka's own message definitions
// (test/fixtures/protocol/tables.json.gz, extracted by scripts/fixtures/ProtocolFixtures.java).

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { ZERO_UUID } from '../bytes/uuid.ts'
import type { Field, Fields } from '../wire/field.ts'
import type { Message } from '../wire/message.ts'
import { apiTable } from './api-table.ts'

interface KafkaField {
  readonly name: string
  readonly type: string
  readonly versions: string
  readonly nullableVersions?: string
  readonly default?: string
  readonly tag?: string
  readonly taggedVersions?: string
  readonly fields?: readonly KafkaField[]
}

interface KafkaMessage {
  readonly name: string
  readonly apiKey: string
  readonly validVersions: string
  readonly flexibleVersions: string
  readonly fields: readonly KafkaField[]
}

/** What both notations say about a field, spelt the same way. */
interface Row {
  readonly path: string
  readonly type: string
  readonly versions: string
  readonly nullable: string
  readonly tag: string
  readonly tagged: string
  readonly default: string
}

const file = new URL('../../../test/fixtures/protocol/tables.json.gz', import.meta.url)
const tables: { messages: KafkaMessage[] } = JSON.parse(gunzipSync(readFileSync(file)).toString())
const byName = new Map(tables.messages.map((message) => [message.name, message]))

describe('the declared messages', () => {
  for (const api of apiTable.values()) {
    it(`of ${api.name} have the fields, versions, nulls, tags and defaults that Kafka defines`, () => {
      checkMessage(api.request, api.key)
      checkMessage(api.response, api.key)
    })
  }

  it('are all that the facts hold', () => {
    assert.equal(byName.size, apiTable.size * 2)
  })
})

function checkMessage(message: Message<Fields>, key: number): void {
  const kafka = byName.get(message.name)
  assert.ok(kafka, `no facts of ${message.name}`)
  const [first, last] = message.versions
  assert.equal(kafka.apiKey, String(key))
  assert.equal(kafka.validVersions, first === last ? `${first}` : `${first}-${last}`)
  const flexible = message.flexibleFrom === 'never' ? 'none' : `${message.flexibleFrom}+`
  assert.equal(kafka.flexibleVersions, flexible)
  assert.deepEqual(ourRows(message.fields, ''), kafkaRows(kafka.fields, ''))
}

function kafkaRows(fields: readonly KafkaField[], prefix: string): Row[] {
  return fields.flatMap((field) => {
    const path = prefix + field.name[0]!.toLowerCase() + field.name.slice(1)
    const type = field.type.replace(/[A-Z].*/, 'struct')
    const row: Row = {
      path,
      type,
      versions: field.versions,
      nullable: field.nullableVersions ?? 'none',
      tag: field.tag ?? 'none',
      tagged: field.taggedVersions ?? 'none',
      default: kafkaDefault(type, field.default),
    }
    return [row, ...kafkaRows(field.fields ?? [], `${path}.`)]
  })
}

function kafkaDefault(type: string, given: string | undefined): string {
  if (given === undefined) return zeroOf(type)
  if (given === 'null' || type === 'string') return JSON.stringify(given === 'null' ? null : given)
  if (type === 'bool') return given.toLowerCase()
  const value = Number(given)
  return String(value > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : value)
}

function ourRows(fields: Fields, prefix: string): Row[] {
  return Object.entries(fields).flatMap(([name, field]) => {
    const path = prefix + name
    const type = typeOf(field)
    const row: Row = {
      path,
      type,
      versions: field.versions,
      nullable: field.nullable ?? 'none',
      tag: String(field.tag ?? 'none'),
      tagged: field.tag === undefined ? 'none' : field.versions,
      default: field.default === undefined ? zeroOf(type) : JSON.stringify(field.default),
    }
    const inner = typeof field.element === 'object' ? ourRows(field.element, `${path}.`) : []
    return [row, ...inner]
  })
}

function typeOf({ kind, element }: Field<unknown, unknown, boolean>): string {
  if (kind === 'array') return `[]${typeof element === 'string' ? element : 'struct'}`
  return kind === 'saturatingInt64' ? 'int64' : kind
}

function zeroOf(type: string): string {
  if (type.startsWith('[]')) return '[]'
  if (type === 'string') return '""'
  if (type === 'bool') return 'false'
  if (type === 'uuid') return JSON.stringify(ZERO_UUID)
  return ['struct', 'bytes', 'records'].includes(type) ? `empty ${type}` : '0'
}
