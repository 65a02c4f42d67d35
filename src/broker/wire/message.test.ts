import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Reader } from '../bytes/reader.ts'
import { Writer } from '../bytes/writer.ts'
import { EncodeError } from './compile.ts'
import {
  array,
  bytes,
  type Fields,
  type Infer,
  type InferInput,
  int8,
  int16,
  int32,
  int64,
  records,
  saturatingInt64,
  string,
  struct,
  uuid,
} from './field.ts'
import {
  decodeVersioned,
  defineMessage,
  encodeVersioned,
  type Message,
  ProtocolError,
  readVersion,
} from './message.ts'

const LONG_MAX = '7fffffffffffffff'

const visit = defineMessage({
  name: 'Visit',
  versions: [0, 3],
  flexibleFrom: 2,
  fields: {
    place: string('0+'),
    guest: string('1+', { nullable: '2+', default: 'nobody' }),
    stops: array('0+', { at: int32('0+'), note: string('3+', { nullable: '3+' }) }),
    codes: array('1+', { nullable: '1+' }, 'int16'),
    payload: records('0+', { nullable: '0+' }),
    home: struct('3+', { nullable: '3+', default: null }, { street: string('3+') }),
    rank: int32('2+', { tag: 1, default: -1 }),
    epoch: struct('2+', { tag: 0 }, { id: int64('2+', { default: -1 }), name: string('2+') }),
  },
})

describe('a declared message', () => {
  it('is written in the order of its declaration, with int16 and int32 lengths before it is flexible', () => {
    const value = { place: 'ab', stops: [{ at: 7, note: null }], codes: [1, 2], payload: null }

    assert.equal(hex(visit, 0, value), spaceless('0002 6162 00000001 00000007 ffffffff'))
    assert.equal(
      hex(visit, 1, value),
      '0002 6162 0006 6e6f626f6479 00000001 00000007 00000002 00010002 ffffffff'.replaceAll(
        ' ',
        '',
      ),
    )
  })

  it('is written with lengths plus one and a tagged section in every struct once it is flexible', () => {
    const value = {
      place: 'ab',
      guest: null,
      stops: [{ at: 7, note: 'x' }],
      codes: null,
      payload: Buffer.from([9]),
      home: { street: 's' },
    }

    assert.equal(hex(visit, 2, value), spaceless('03 6162 00 02 00000007 00 00 02 09 00'))
    assert.equal(
      hex(visit, 3, value),
      spaceless('03 6162 00 02 00000007 02 78 00 00 02 09 01 02 73 00 00'),
    )
  })

  it('writes tagged fields by ascending tag, and only those that are not their default', () => {
    const value = { place: '', stops: [], codes: [], payload: null }
    const plain = '01 07 6e6f626f6479 01 01 00'

    assert.equal(hex(visit, 2, value), spaceless(`${plain} 00`))
    assert.match(hex(visit, 2, { ...value, rank: -1, epoch: { name: '' } }), /00$/)
    assert.match(hex(visit, 2, { ...value, rank: 5 }), /01010400000005$/)
    assert.match(
      hex(visit, 2, { ...value, rank: 5, epoch: { id: 1, name: 'n' } }),
      /02000b0000000000000001026e00010400000005$/,
    )
  })

  it('reads what it wrote, with the defaults of the fields that a version does not have', () => {
    const value = {
      place: 'Straße',
      guest: null,
      stops: [{ at: 1, note: null }],
      codes: [3],
      payload: Buffer.from('body'),
      home: null,
      rank: 8,
      epoch: { id: 4, name: 'e' },
    }

    assert.deepEqual(read(visit, 3, hex(visit, 3, value)), value)
    assert.deepEqual(read(visit, 0, hex(visit, 0, value)), {
      place: 'Straße',
      guest: 'nobody',
      stops: [{ at: 1, note: '' }],
      codes: [],
      payload: Buffer.from('body'),
      home: null,
      rank: -1,
      epoch: { id: -1, name: '' },
    })
  })

  it('keeps record batches as views of the frame and as references on the way out', () => {
    const batch = Buffer.alloc(5000, 7)
    const writer = new Writer()
    visit.write(writer, 0, { place: '', stops: [], codes: [], payload: batch })
    const chunks = writer.chunks()

    assert.ok(chunks.includes(batch))
    const frame = Buffer.concat(chunks)
    const decoded = visit.read(new Reader(frame), 0)
    assert.equal(decoded.payload?.buffer, frame.buffer)
  })

  it('skips tagged fields that it does not know', () => {
    const known = hex(visit, 2, { place: 'p', stops: [], codes: [], payload: null })
    const withUnknown = `${known.slice(0, -2)}01${'63'}03${'aabbcc'}`

    const decoded = read(visit, 2, withUnknown)

    assert.equal(decoded.place, 'p')
    assert.equal(decoded.rank, -1)
  })

  it('lets a value that is only compared saturate, and refuses any other beyond 2^53-1', () => {
    const saturating = defineMessage({
      name: 'Saturating',
      versions: [0, 0],
      flexibleFrom: 'never',
      fields: { at: saturatingInt64('0') },
    })
    const exact = defineMessage({ ...saturating, name: 'Exact', fields: { at: int64('0') } })

    assert.deepEqual(read(saturating, 0, LONG_MAX), { at: Number.MAX_SAFE_INTEGER })
    assert.equal(hex(saturating, 0, { at: Number.MAX_SAFE_INTEGER }), LONG_MAX)
    assert.deepEqual(read(saturating, 0, '8000000000000000'), { at: -Number.MAX_SAFE_INTEGER })
    assert.equal(hex(saturating, 0, { at: -2 }), 'fffffffffffffffe')
    assert.throws(() => read(exact, 0, LONG_MAX), /Exact v0: at: int64 beyond 2\^53-1 at byte 0/)
  })

  it('refuses a version that it does not declare', () => {
    assert.throws(() => visit.read(new Reader(Buffer.alloc(0)), 4), /Visit has no version 4/)
    assert.equal(visit.has(3), true)
    assert.equal(visit.has(4), false)
    assert.equal(visit.has(-1), false)
  })
})

describe('a frame that is not what it says', () => {
  const cases: readonly [what: string, version: number, frame: string, error: RegExp][] = [
    ['an empty frame', 0, '', /^Visit v0: place: needs 2 bytes, 0 are left at byte 0$/],
    ['a string beyond the frame', 0, '7fff61', /place: needs 32767 bytes, 1 are left/],
    ['a null where none is allowed', 0, 'ffff', /place: null where none is allowed/],
    ['a negative length', 0, 'fffe', /place: negative length -2/],
    ['invalid UTF-8', 0, '0002c328', /place: invalid UTF-8/],
    ['a negative count', 0, '0000fffffffe', /stops: negative length -2/],
    ['a count beyond the frame', 0, '00007fffffff', /stops: 2147483647 elements announced/],
    ['a cut element', 0, '00000000000200000001000000', /stops: 2 elements announced, 7 bytes/],
    ['a truncated varint', 2, '81', /place: truncated varint/],
    ['a varint of more than 32 bits', 2, 'ffffffffff7f', /place: varint longer than 32 bits/],
    ['a compact count beyond the frame', 2, '0101ffffffff0f', /stops: 4294967294 elements/],
    [
      'an element cut in its inside',
      3,
      '01 01 02 00000001 05 61',
      /stops\[0\]\.note: needs 4 bytes/,
    ],
    ['more tags than fit', 2, '01 01 01 01 00 ff01', /v2: 255 elements/],
    ['a tag beyond the frame', 2, '01010101000101ff7f', /rank: needs 16383 bytes/],
    ['an unknown tag beyond the frame', 2, '01010101000163ff7f', /v2: needs 16383 bytes/],
    [
      'a tag of another size',
      2,
      '0101010100010103000000ff',
      /rank: needs 4 bytes|rank: is 4 bytes/,
    ],
    ['an error within a tagged struct', 2, '010101010001000300000000', /epoch: needs 3|epoch\.id/],
  ]
  for (const [what, version, frame, error] of cases) {
    it(`${what} is an error that names message, version and field`, () => {
      assert.throws(
        () => read(visit, version, frame),
        (thrown) => {
          assert.ok(thrown instanceof ProtocolError)
          assert.match(thrown.message, error)
          assert.equal(thrown.messageName, 'Visit')
          assert.equal(thrown.version, version)
          return true
        },
      )
    })
  }

  it('yields no more array elements than a bound, however large the frame', () => {
    const list = defineMessage({
      name: 'List',
      versions: [0, 0],
      flexibleFrom: 'never',
      fields: { items: array('0', 'int8') },
    })
    const frame = Buffer.alloc(4 + 1_000_001)
    frame.writeInt32BE(1_000_001)

    assert.throws(() => list.read(new Reader(frame), 0), /items: more than 1000000 array elements/)
  })
})

describe('a value that does not fit its declaration', () => {
  const value = { place: '', stops: [{ at: 1, note: '' }], codes: [], payload: null }
  const bad = (change: object): (() => string) => {
    const wrong: InferInput<typeof visit.fields> = Object.assign({ ...value }, change)
    return () => hex(visit, 3, wrong)
  }

  it('is named with its path', () => {
    assert.throws(bad({ place: undefined }), /Visit v3: place: missing, and it has no default/)
    assert.throws(bad({ place: null }), /Visit v3: place: null where none is allowed/)
    assert.throws(bad({ stops: [{ at: 1, note: '' }, { at: 2 ** 31 }] }), /v3: stops\[1\]\.at: /)
    assert.throws(bad({ epoch: { id: 'x', name: '' } }), /v3: epoch\.id: /)
    assert.throws(bad({ place: 'a'.repeat(40_000) }), /place: a string of 40000 bytes is too long/)
    assert.throws(bad({ stops: null }), EncodeError)
  })
})

describe('a message stored behind its version', () => {
  const key = defineMessage({
    name: 'OffsetCommitKey',
    versions: [0, 1],
    flexibleFrom: 'never',
    fields: { group: string('0-1'), topic: string('0-1'), partition: int32('0-1') },
  })

  it('begins with its int16 version', () => {
    const stored = encodeVersioned(key, 1, { group: 'g', topic: 't', partition: 2 })

    assert.equal(stored.toString('hex'), '0001000167000174' + '00000002')
    assert.equal(readVersion(stored), 1)
    const { version, value } = decodeVersioned(key, stored)
    assert.equal(version, 1)
    assert.deepEqual(value, { group: 'g', topic: 't', partition: 2 })
  })

  it('is refused when the version is unknown or the bytes are cut', () => {
    const stored = encodeVersioned(key, 1, { group: 'g', topic: 't', partition: 2 })

    assert.throws(() => decodeVersioned(key, Buffer.from([0, 9])), /OffsetCommitKey v9: unknown/)
    assert.throws(() => decodeVersioned(key, stored.subarray(0, 9)), /v1: partition: needs 4/)
  })
})

describe('a declaration that contradicts itself', () => {
  const declare = (fields: Fields) => () =>
    hex(defineMessage({ name: 'Odd', versions: [0, 9], flexibleFrom: 9, fields }), 0, {})

  it('is refused on first use', () => {
    assert.throws(declare({ a: int8('0+', { tag: 0 }) }), /Only flexible versions have tags/)
    assert.throws(declare({ a: uuid('0+', { nullable: '0+' }) }), /cannot be null/)
    assert.throws(declare({ a: array('0+', { b: int8('9+') }) }), /elements take no bytes/)
  })
})

/** Never run: what it says is checked by the type checker. */
export function typesFollowFromTheDeclaration(decoded: Infer<typeof visit.fields>): unknown {
  const place: string = decoded.place
  const guest: string | null = decoded.guest
  const stops: readonly { readonly at: number; readonly note: string | null }[] = decoded.stops
  const codes: readonly number[] | null = decoded.codes
  const payload: Buffer | null = decoded.payload
  const street: string | undefined = decoded.home?.street
  const id: number = decoded.epoch.id
  // @ts-expect-error a nullable field has to be tested first
  const notNull: string = decoded.guest
  // @ts-expect-error decoded messages are read-only
  decoded.rank = 1
  // @ts-expect-error there is no such field
  decoded.colour
  // @ts-expect-error a field without a default has to be given
  hex(visit, 1, { stops: [], codes: null, payload: null })
  // @ts-expect-error of the right type
  hex(visit, 1, { place: 1, stops: [], codes: null, payload: null })
  const input: InferInput<typeof visit.fields> = decoded
  const blob = bytes('0+')
  const small = int16('0+')
  return [place, guest, stops, codes, payload, street, id, notNull, input, blob, small]
}

function hex<F extends Fields>(message: Message<F>, version: number, value: InferInput<F>): string {
  const writer = new Writer()
  message.write(writer, version, value)
  return writer.toBuffer().toString('hex')
}

function read<F extends Fields>(message: Message<F>, version: number, frame: string) {
  return message.read(new Reader(Buffer.from(spaceless(frame), 'hex')), version)
}

function spaceless(text: string): string {
  return text.replaceAll(' ', '')
}
