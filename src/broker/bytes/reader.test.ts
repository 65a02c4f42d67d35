import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DecodeError, Reader } from './reader.ts'
import { Writer } from './writer.ts'

const MAX = Number.MAX_SAFE_INTEGER

function reader(hex: string): Reader {
  return new Reader(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
}

function written(write: (writer: Writer) => void): Buffer {
  const writer = new Writer()
  write(writer)
  return writer.toBuffer()
}

function refuses(read: () => unknown, message: RegExp, position?: number): void {
  assert.throws(read, (error) => {
    assert.ok(error instanceof DecodeError)
    assert.match(error.message, message)
    if (position !== undefined) assert.equal(error.position, position)
    return true
  })
}

describe('integers', () => {
  it('are big-endian, signed or not, as their type says', () => {
    assert.equal(reader('ff').int8(), -1)
    assert.equal(reader('80').int8(), -128)
    assert.equal(reader('8000').int16(), -32768)
    assert.equal(reader('8000').uint16(), 32768)
    assert.equal(reader('80000000').int32(), -(2 ** 31))
    assert.equal(reader('80000000').uint32(), 2 ** 31)
    assert.equal(reader('01020304').int32(), 0x01020304)
    assert.equal(reader('fffffffffffffffe').int64(), -2)
    assert.equal(reader('0000000100000002').int64(), 2 ** 32 + 2)
    assert.equal(reader('3ff8000000000000').float64(), 1.5)
  })

  it('agree with Buffer and BigInt for any bytes', () => {
    for (const bytes of samples(2000)) {
      const at = new Reader(bytes)
      assert.equal(at.int8(), bytes.readInt8(0))
      assert.equal(at.int16(), bytes.readInt16BE(1))
      assert.equal(at.uint16(), bytes.readUInt16BE(3))
      assert.equal(at.int32(), bytes.readInt32BE(5))
      assert.equal(at.uint32(), bytes.readUInt32BE(9))
      const exact = bytes.readBigInt64BE(13)
      const saturated = exact > MAX ? MAX : exact < -MAX ? -MAX : Number(exact)
      assert.equal(at.saturatingInt64(), saturated)
      assert.equal(at.float64(), bytes.readDoubleBE(21))
    }
  })

  it('of 64 bits are refused beyond 2^53-1, unless they may saturate', () => {
    const edges: readonly [bigint, boolean][] = [
      [2n ** 53n - 1n, true],
      [2n ** 53n, false],
      [2n ** 63n - 1n, false],
      [-(2n ** 53n) + 1n, true],
      [-(2n ** 53n), false],
      [-(2n ** 63n), false],
    ]
    for (const [value, fits] of edges) {
      const bytes = Buffer.alloc(8)
      bytes.writeBigInt64BE(value)
      if (fits) assert.equal(new Reader(bytes).int64(), Number(value))
      else refuses(() => new Reader(bytes).int64(), /int64 beyond 2\^53-1/, 0)
      assert.equal(new Reader(bytes).saturatingInt64(), value > 0n ? MAX : -MAX)
    }
  })

  it('come back as they were written', () => {
    const edges = [
      0,
      1,
      -1,
      127,
      128,
      2 ** 31 - 1,
      2 ** 31,
      -(2 ** 31),
      2 ** 32,
      MAX - 1,
      MAX,
      -MAX,
    ]
    for (const value of edges) {
      assert.equal(new Reader(written((w) => w.int64(value))).int64(), value)
      assert.equal(new Reader(written((w) => w.saturatingInt64(value))).saturatingInt64(), value)
    }
    assert.equal(written((w) => w.saturatingInt64(MAX)).toString('hex'), '7fffffffffffffff')
  })
})

describe('varints', () => {
  it('have the bytes of the protocol', () => {
    assert.equal(written((w) => w.uvarint(300)).toString('hex'), 'ac02')
    assert.equal(written((w) => w.varint(-1)).toString('hex'), '01')
    assert.equal(written((w) => w.varint(-(2 ** 31))).toString('hex'), 'ffffffff0f')
    assert.equal(written((w) => w.varlong(2 ** 32)).toString('hex'), '8080808020')
    assert.equal(written((w) => w.varlong(MAX)).toString('hex'), 'feffffffffffff1f')
    assert.equal(written((w) => w.varlong(-MAX)).toString('hex'), 'fdffffffffffff1f')
  })

  it('come back as they were written, whatever their size', () => {
    for (let bits = 0; bits <= 53; bits++) {
      for (const value of [2 ** bits - 1, 2 ** bits, 2 ** bits + 1]) {
        for (const signed of [value, 0 - value].filter(Number.isSafeInteger)) {
          assert.equal(new Reader(written((w) => w.varlong(signed))).varlong(), signed)
          if (signed !== (signed | 0)) continue
          assert.equal(new Reader(written((w) => w.varint(signed))).varint(), signed)
        }
        if (value > 0xffff_ffff) continue
        assert.equal(new Reader(written((w) => w.uvarint(value))).uvarint(), value)
      }
    }
  })

  it('of 64 bits agree with BigInt for any bytes, or are refused', () => {
    for (const bytes of samples(3000)) {
      const at = new Reader(bytes)
      const exact = bigVarlong(bytes)
      const fits = exact !== undefined && exact <= MAX && exact >= -MAX
      if (fits) assert.equal(at.varlong(), Number(exact))
      else refuses(() => at.varlong(), /int64 beyond|longer than 64 bits/, 0)
    }
  })

  it('are refused when they are cut or too long', () => {
    refuses(() => reader('').uvarint(), /truncated varint/)
    refuses(() => reader('8080').uvarint(), /truncated varint/, 2)
    refuses(() => reader('808080808001').uvarint(), /longer than 32 bits/, 0)
    refuses(() => reader('ffffffff1f').uvarint(), /longer than 32 bits/, 0)
    refuses(() => reader('8080808080808080808001').varlong(), /longer than 64 bits/, 0)
    refuses(() => reader('ffffffffffffffffff01').varlong(), /int64 beyond 2\^53-1/, 0)
  })

  it('may be padded, as other writers do', () => {
    assert.equal(reader('8100').uvarint(), 1)
    assert.equal(reader('8280808000').varint(), 1)
  })
})

describe('strings and bytes', () => {
  it('come back as they were written, short or long, in any script', () => {
    const texts = ['', 'a', 'topic-1', 'Straße', '日本語', '🦉', '\0', '\ufeffmark']
    for (const text of texts.flatMap((one) => [one, one.repeat(40), one.repeat(5000)])) {
      const length = Buffer.byteLength(text)
      const bytes = written((w) => w.utf8(text, length))
      assert.equal(bytes.length, length)
      assert.equal(new Reader(bytes).string(length), text)
    }
  })

  it('of invalid UTF-8 are refused', () => {
    for (const hex of ['80', 'c3', 'c328', 'e28228', 'eda080', 'f8888080', 'c080']) {
      refuses(() => reader(hex).string(hex.length / 2), /invalid UTF-8/, 0)
      refuses(() => reader('61'.repeat(80) + hex).string(80 + hex.length / 2), /invalid UTF-8/)
    }
  })

  it('are views of the frame, not copies', () => {
    const frame = Buffer.from('0102030405', 'hex')
    const view = new Reader(frame, 1).bytes(3)

    frame[2] = 0xff
    assert.equal(view.toString('hex'), '02ff04')
  })

  it('of a length that is negative or beyond the end are refused', () => {
    refuses(() => reader('6162').string(3), /needs 3 bytes, 2 are left/, 0)
    refuses(() => reader('6162').string(-1), /negative length -1/)
    refuses(() => reader('6162').bytes(-2), /negative length -2/)
    refuses(() => reader('6162').skip(2 ** 40), /needs 1099511627776 bytes/)
    refuses(() => new Reader(Buffer.alloc(10), 2, 4).bytes(3), /needs 3 bytes, 2 are left/, 2)
  })
})

describe('a reader', () => {
  it('never reads beyond its end, even inside a larger buffer', () => {
    const at = new Reader(Buffer.alloc(20), 4, 7)

    assert.equal(at.remaining, 3)
    refuses(() => at.int32(), /needs 4 bytes, 3 are left/, 4)
    at.skip(3)
    refuses(() => at.int8(), /needs 1 bytes, 0 are left/, 7)
    refuses(() => at.uvarint(), /truncated varint/, 7)
  })

  it('refuses a count of elements that its bytes cannot hold, before anything is allocated', () => {
    const at = new Reader(Buffer.alloc(16))

    at.claimElements(4, 4)
    refuses(() => at.claimElements(5, 4), /5 elements announced, 16 bytes are left/)
    refuses(() => at.claimElements(2 ** 31 - 1, 1), /elements announced/)
    refuses(() => at.claimElements(-1, 1), /negative count -1/)
  })
})

/** Reproducible buffers of 29 bytes, many of them with bytes of 0x00, 0x7f, 0x80 and 0xff. */
function* samples(count: number): Generator<Buffer> {
  let state = 42
  const next = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return state >>> 16
  }
  for (let index = 0; index < count; index++) {
    const bytes = Buffer.alloc(29)
    for (let at = 0; at < bytes.length; at++) {
      const edge = [0x00, 0x7f, 0x80, 0xff][next() % 4]!
      bytes[at] = next() % 3 === 0 ? edge : next()
    }
    yield bytes
  }
}

/** The zig-zag int64 at the start of `bytes`, or `undefined` when it has more than ten bytes. */
function bigVarlong(bytes: Buffer): bigint | undefined {
  let raw = 0n
  for (let index = 0; index < 10; index++) {
    raw |= BigInt(bytes[index]! & 0x7f) << BigInt(7 * index)
    if (bytes[index]! < 0x80) return (raw >> 1n) ^ -(raw & 1n)
  }
  return undefined
}
