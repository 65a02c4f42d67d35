// Makes up a well-formed request from its declaration: every field gets a value that fits its name,
// mostly one that means something to this broker right now (a topic that is there, a member that
// lives), at times an odd one. So handlers are reached behind all checks of form.
import { buildBatch } from '../../src/broker/batch/builder.ts'
import { type Fields, includes, type ScalarKind } from '../../src/broker/wire/field.ts'
import type { Message } from '../../src/broker/wire/message.ts'
import { pick, type Random } from './mutate.ts'
import type { Surroundings } from './surroundings.ts'

const ODD_SHARE = 1 / 12
const MAX_ELEMENTS = 3
const ODD_INTEGERS = [-2, -1, 0, 1, 7, 255, 32_767, 2_147_483_647]
const ODD_STRINGS = ['', '..', '/', 'a'.repeat(250), 'Ärger', 'new-topic', '\u0000', 'a.b', 'a_b']
const CONFIG_KEYS = [
  ...['cleanup.policy', 'retention.ms', 'retention.bytes', 'segment.bytes', 'max.message.bytes'],
  ...[
    'message.timestamp.type',
    'min.insync.replicas',
    'compression.type',
    'flush.ms',
    'no.such.key',
  ],
  ...['delete.retention.ms', 'index.interval.bytes', 'min.cleanable.dirty.ratio', 'num.partitions'],
]
const CONFIG_VALUES = [
  'compact',
  'delete',
  '-1',
  '0',
  '1000',
  '1048588',
  'LogAppendTime',
  '0.5',
  '',
]
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

type Body = Readonly<Record<string, unknown>>

interface Making {
  readonly version: number
  readonly around: Surroundings
  readonly random: Random
}

export function makeUpBody(
  { fields }: Pick<Message<Fields>, 'fields'>,
  version: number,
  around: Surroundings,
  random: Random,
): Body {
  return makeUpStruct(fields, '', { version, around, random })
}

function makeUpStruct(fields: Fields, parent: string, making: Making): Body {
  const body: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(fields)) {
    if (!includes(field.versions, making.version)) continue
    const mayBeNull = includes(field.nullable, making.version)
    if (mayBeNull && making.random() < ODD_SHARE) {
      body[name] = null
    } else if (field.kind === 'array') {
      body[name] = makeUpArray(field.element!, name, making)
    } else if (field.kind === 'struct') {
      body[name] =
        typeof field.element === 'object' ? makeUpStruct(field.element, name, making) : {}
    } else {
      body[name] = makeUpScalar(field.kind, name, parent, making)
    }
  }
  return body
}

function makeUpArray(element: ScalarKind | Fields, name: string, making: Making): unknown[] {
  const count = making.random() < 0.8 ? 1 : Math.floor(making.random() * (MAX_ELEMENTS + 1))
  return Array.from({ length: count }, () =>
    typeof element === 'string'
      ? makeUpScalar(element, name, name, making)
      : makeUpStruct(element, name, making),
  )
}

function makeUpScalar(kind: ScalarKind, name: string, parent: string, making: Making): unknown {
  const { random } = making
  const isOdd = random() < ODD_SHARE
  switch (kind) {
    case 'bool':
      return random() < 0.5
    case 'string':
      return isOdd ? pick(ODD_STRINGS, random) : fittingString(name, parent, making)
    case 'uuid':
      return pick(making.around.topicIds, random)
    case 'bytes':
      return fittingBytes(name, making)
    case 'records':
      return madeUpBatch(making)
    case 'float64':
      return random()
    default:
      return within(kind, isOdd ? pick(ODD_INTEGERS, random) : fittingInteger(name, making))
  }
}

const widths: Partial<Record<ScalarKind, readonly [least: number, most: number]>> = {
  int8: [-128, 127],
  int16: [-32_768, 32_767],
  uint16: [0, 65_535],
}

function within(kind: ScalarKind, value: number): number {
  const [least, most] = widths[kind] ?? [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]
  return Math.min(Math.max(value, least), most)
}

function fittingString(name: string, parent: string, { around, random }: Making): string {
  if (parent === 'configs' || parent === 'configurationKeys') {
    return pick(name === 'value' ? CONFIG_VALUES : CONFIG_KEYS, random)
  }
  if (/group|^key$|coordinatorKeys/i.test(name)) return around.member.groupId
  if (/memberId/i.test(name)) return around.member.memberId
  if (name === 'resourceName') return pick(['', '1', ...around.topics], random)
  if (/protocolType/i.test(name)) return 'consumer'
  if (/protocolName/i.test(name) || parent === 'protocols') return 'range'
  if (/topic|name/i.test(name)) return pick(around.topics, random)
  return `fuzz-${Math.floor(random() * 4)}`
}

function fittingInteger(name: string, { around, random }: Making): number {
  const small = Math.floor(random() * 4)
  if (/generationId|memberEpoch/i.test(name)) return around.member.generationId
  if (/partition/i.test(name) || name === 'index') return small
  if (name === 'acks') return random() < 0.05 ? 0 : pick([1, -1], random)
  if (/minBytes/i.test(name)) return pick([0, 1], random)
  if (/maxWait/i.test(name)) return small * 5
  if (/sessionTimeout/i.test(name)) return 6000
  if (/timeout/i.test(name)) return pick([0, 100, 30_000], random)
  if (/bytes/i.test(name)) return 65_536
  if (/offset/i.test(name)) return small
  if (/resourceType/i.test(name)) return pick([2, 4], random)
  if (/timestamp/i.test(name)) return pick([-1, -2, -3, Date.now() - 1000], random)
  if (/replic|leader|broker|node/i.test(name)) return pick([-1, 1], random)
  return small
}

function fittingBytes(name: string, { around, random }: Making): Buffer {
  if (name === 'metadata')
    return pick([around.subscription, Buffer.from('no subscription')], random)
  return Buffer.from([0, 0, 0, 0, 0, 0])
}

function madeUpBatch({ random }: Making): Buffer {
  const count = 1 + Math.floor(random() * 3)
  const isIdempotent = random() < 0.2
  const batch = buildBatch({
    records: Array.from({ length: count }, (_, index) => ({
      timestamp: Date.now(),
      key: random() < 0.5 ? null : Buffer.from(`key-${index}`),
      value: random() < 0.1 ? null : Buffer.from(`value ${index}`.repeat(1 + random() * 20)),
      headers: [],
    })),
    compression: pick(CODECS, random),
    ...(isIdempotent ? { producerId: 1 + Math.floor(random() * 50), producerEpoch: 0 } : {}),
    ...(isIdempotent ? { baseSequence: Math.floor(random() * 3) } : {}),
    isTransactional: random() < 0.02,
  })
  if (random() < 0.2) batch[Math.floor(random() * batch.length)]! ^= 1
  return batch
}
