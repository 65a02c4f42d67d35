// What Kafka's own message classes write is read here field by field, and written again byte by
// byte, at every version of every declared API. The expected values follow from the rule that the
// fixture program states too (scripts/fixtures/ProtocolFixtures.java), not from our reader.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { crc32, gunzipSync } from 'node:zlib'
import { Reader } from '../bytes/reader.ts'
import { ZERO_UUID } from '../bytes/uuid.ts'
import { Writer } from '../bytes/writer.ts'
import { type Field, type Fields, type Infer, includes, type ScalarKind } from '../wire/field.ts'
import { ProtocolError } from '../wire/message.ts'
import type { Api } from './api.ts'
import { apiTable } from './api-table.ts'
import {
  decodeRequest,
  decodeRequestHeader,
  decodeResponse,
  encodeRequest,
  encodeResponse,
} from './frames.ts'

type Variant = 'filled' | 'null' | 'default'
type AnyField = Field<unknown, unknown, boolean>

interface Golden {
  readonly message: string
  readonly version: number
  readonly variant: Variant
  readonly frame: Buffer
}

const CORRELATION_ID = 0x01020304
const CLIENT_ID = 'client-é'
const folder = new URL('../../../test/fixtures/protocol/', import.meta.url)
const goldens = readGoldens()

describe('the golden frames of Kafka', () => {
  it('cover every version of every declared API, both ways, in three variants', () => {
    const present = new Set(goldens.map((g) => `${g.message} ${g.version} ${g.variant}`))
    const expected: string[] = []
    for (const { name, versions } of apiTable.values()) {
      for (let version = versions[0]; version <= versions[1]; version++) {
        for (const variant of ['filled', 'null', 'default']) {
          expected.push(`${name}Request ${version} ${variant}`)
          expected.push(`${name}Response ${version} ${variant}`)
        }
      }
    }

    assert.deepEqual([...present].sort(), expected.sort())
  })

  for (const api of apiTable.values()) {
    it(`of ${api.name} are read as the values they were made from, and written again the same`, () => {
      for (const golden of goldens) {
        if (golden.message === api.request.name) checkRequest(api, golden)
        if (golden.message === api.response.name) checkResponse(api, golden)
      }
    })
  }

  it('end where their message ends', () => {
    for (const { message, version, frame } of goldens) {
      const api = apiOf(message)
      if (message === api.response.name) continue
      const reader = new Reader(frame, decodeRequestHeader(frame).bodyAt)
      api.request.read(reader, version)

      assert.equal(reader.remaining, 0, `${message} v${version}`)
    }
  })
})

describe('a frame of Kafka that was damaged', () => {
  const CUTS = 16
  const FLIPS = 24

  it('is refused with a protocol error wherever it is cut', () => {
    for (const { frame, message, version } of goldens) {
      const step = Math.max(1, Math.floor(frame.length / CUTS))
      for (let length = 0; length < frame.length; length += step) {
        const outcome = tryDecode(message, version, frame.subarray(0, length))
        assert.ok(outcome instanceof ProtocolError, `${message} v${version} cut at ${length}`)
      }
    }
  })

  it('is refused with a protocol error or read as something that can be written', () => {
    let refused = 0
    let read = 0
    for (const { frame, message, version } of goldens) {
      for (let flip = 0; flip < FLIPS; flip++) {
        const hash = crc32(`${message} ${version} ${flip}`)
        const damaged = Buffer.from(frame)
        const at = 8 + (hash % (frame.length - 8)) // behind API key and version
        if (at >= damaged.length) continue
        damaged[at] = [0xff, 0x80, 0x7f, 0x00, hash >>> 24][flip % 5]!
        const outcome = tryDecode(message, version, damaged)
        if (outcome instanceof ProtocolError) {
          refused++
          continue
        }
        read++
        const api = apiOf(message)
        const side = message === api.request.name ? api.request : api.response
        side.write(new Writer(), version, outcome)
      }
    }

    assert.ok(refused > 2000 && read > 2000, `${refused} refused, ${read} read`)
  })
})

/** The body, or the protocol error; any other error passes, and fails the test. */
function tryDecode(message: string, version: number, frame: Buffer): Infer<Fields> | ProtocolError {
  const api = apiOf(message)
  try {
    if (message === api.response.name) return decodeResponse(api, version, frame).body
    return decodeRequest(api, { ...decodeRequestHeader(frame), apiVersion: version }, frame)
  } catch (error) {
    if (error instanceof ProtocolError) return error
    throw error
  }
}

function checkRequest(api: Api, { version, variant, frame, message }: Golden): void {
  const clientId = variant === 'null' ? null : CLIENT_ID
  const header = { apiVersion: version, correlationId: CORRELATION_ID, clientId }
  const label = `${message} v${version} ${variant}`

  const decodedHeader = decodeRequestHeader(frame)
  assert.deepEqual(decodedHeader, { apiKey: api.key, ...header, bodyAt: decodedHeader.bodyAt })
  const body = decodeRequest(api, decodedHeader, frame)
  assert.deepEqual(body, expectedFields(api.request.fields, version, variant, ''), label)
  assert.equal(hexOfFrame(encodeRequest(api, header, body)), frame.toString('hex'), label)
}

function checkResponse(api: Api, { version, variant, frame, message }: Golden): void {
  const label = `${message} v${version} ${variant}`

  const { correlationId, body } = decodeResponse(api, version, frame)
  assert.equal(correlationId, CORRELATION_ID)
  assert.deepEqual(body, expectedFields(api.response.fields, version, variant, ''), label)
  const written = encodeResponse(api, version, CORRELATION_ID, body)
  assert.equal(hexOfFrame(written), frame.toString('hex'), label)
}

function hexOfFrame(chunks: readonly Buffer[]): string {
  const whole = Buffer.concat(chunks)
  assert.equal(whole.readInt32BE(), whole.length - 4)
  return whole.toString('hex', 4)
}

function expectedFields(
  fields: Fields,
  version: number,
  variant: Variant,
  prefix: string,
): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(fields)) {
    const isThere = includes(field.versions, version)
    values[name] = isThere
      ? expectedValue(field, version, variant, prefix + name)
      : defaultValue(field, version)
  }
  return values
}

function expectedValue(field: AnyField, version: number, variant: Variant, path: string): unknown {
  if (variant === 'default') return defaultValue(field, version)
  if (variant === 'null') {
    if (includes(field.nullable, version)) return null
    return field.kind === 'array' ? [] : defaultValue(field, version)
  }
  if (field.kind !== 'array') return filledValue(field.kind, field, version, path)
  const element = field.element
  const kind = typeof element === 'string' ? element : 'struct'
  return [0, 1].map((index) => filledValue(kind, field, version, `${path}[${index}]`))
}

function filledValue(
  kind: AnyField['kind'],
  field: AnyField,
  version: number,
  path: string,
): unknown {
  if (kind !== 'struct' && kind !== 'array') return filledScalar(kind, field.default === true, path)
  assert.ok(typeof field.element === 'object')
  return expectedFields(field.element, version, 'filled', `${path}.`)
}

/** The rule of values; its other half is in ProtocolFixtures.java. */
function filledScalar(kind: ScalarKind, isTrueByDefault: boolean, path: string): unknown {
  const hash = crc32(path)
  const sign = hash % 2 === 0 ? 1 : -1
  switch (kind) {
    case 'bool':
      return !isTrueByDefault
    case 'int8':
      return sign * (20 + (hash % 100))
    case 'int16':
      return sign * (300 + (hash % 30_000))
    case 'uint16':
      return 40_000 + (hash % 20_000)
    case 'int32':
      return sign * (100_000 + (hash % 1_000_000_000))
    case 'int64':
    case 'saturatingInt64':
      return sign * (hash * 1_048_576 + 12_345)
    case 'float64':
      return (sign * hash) / 8
    case 'string': {
      const text = `${path.slice(path.lastIndexOf('.') + 1)} ü€${hash % 1000}`
      return hash % 8 === 0 ? text.repeat(12) : text
    }
    case 'uuid':
      return bigBytes([hash, 1, hash, 2]).toString('base64url')
    case 'bytes':
    case 'records':
      return bigBytes([0, hash, 0xffff_ffff, ~hash >>> 0, 0])
  }
}

/** Each number as four bytes. */
function bigBytes(words: readonly number[]): Buffer {
  const writer = new Writer()
  for (const word of words) writer.uint32(word)
  return writer.toBuffer()
}

function defaultValue(field: AnyField, version: number): unknown {
  if (field.default !== undefined) return field.default
  switch (field.kind) {
    case 'array':
      return []
    case 'struct':
      assert.ok(typeof field.element === 'object')
      return expectedFields(field.element, version, 'default', '')
    case 'records':
      return null // as Kafka has it, though its tables do not say so
    case 'bytes':
      return Buffer.alloc(0)
    case 'string':
      return ''
    case 'uuid':
      return ZERO_UUID
    case 'bool':
      return false
    default:
      return 0
  }
}

function apiOf(message: string): Api {
  const name = message.replace(/(Request|Response)$/, '')
  for (const api of apiTable.values()) if (api.name === name) return api
  throw new Error(`${message} is not declared`)
}

function readGoldens(): Golden[] {
  const text = gunzipSync(readFileSync(new URL('messages.txt.gz', folder))).toString()
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return lines.map((line) => {
    const [message = '', version, variant, hex = ''] = line.split(' ')
    assert.ok(variant === 'filled' || variant === 'null' || variant === 'default')
    return { message, version: Number(version), variant, frame: Buffer.from(hex, 'hex') }
  })
}
