import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatUuid, isUuid, writeUuid, ZERO_UUID } from './uuid.ts'
import { Writer } from './writer.ts'

const UUID = '3q2-78r-ur7-7b7vyv6-_g'
const UUID_HEX = 'deadbeefcafebabefeedbeefcafebefe'

describe('a writer', () => {
  it('gives what was written in order, however often it had to grow', () => {
    const writer = new Writer(1)
    for (let value = 0; value < 1000; value++) writer.int32(value)

    const bytes = writer.toBuffer()
    assert.equal(bytes.length, 4000)
    for (let value = 0; value < 1000; value++) assert.equal(bytes.readInt32BE(value * 4), value)
  })

  it('references large byte fields and copies small ones, in order', () => {
    const large = Buffer.alloc(3000, 1)
    const small = Buffer.alloc(10, 2)
    const writer = new Writer()
    writer.int8(7)
    writer.bytes(large)
    writer.bytes(large)
    writer.bytes(small)
    writer.utf8('x'.repeat(5000), 5000)
    writer.bytes(large)
    writer.int8(9)

    const expected = [
      Buffer.of(7),
      large,
      large,
      small,
      Buffer.alloc(5000, 'x'),
      large,
      Buffer.of(9),
    ]
    assert.equal(writer.length, Buffer.concat(expected).length)
    const chunks = writer.chunks()
    assert.deepEqual(Buffer.concat(chunks), Buffer.concat(expected))
    assert.equal(chunks.filter((chunk) => chunk === large).length, 3)
    assert.ok(!chunks.includes(small))
  })

  it('knows its length at any time', () => {
    const writer = new Writer(4)
    const sizes = [writer.length]
    writer.int16(1)
    sizes.push(writer.length)
    writer.bytes(Buffer.alloc(2000))
    sizes.push(writer.length)
    writer.uuid(UUID)
    sizes.push(writer.length)

    assert.deepEqual(sizes, [0, 2, 2002, 2018])
  })

  it('refuses a number that its type cannot hold, instead of wrapping it', () => {
    const writer = new Writer()
    const refused: readonly (() => void)[] = [
      () => writer.int8(128),
      () => writer.int8(-129),
      () => writer.int16(2 ** 15),
      () => writer.uint16(-1),
      () => writer.uint16(2 ** 16),
      () => writer.int32(2 ** 31),
      () => writer.int32(0.5),
      () => writer.uint32(-1),
      () => writer.uint32(2 ** 32),
      () => writer.int64(2 ** 53),
      () => writer.int64(Number.NaN),
      () => writer.int16(Number.NaN),
    ]
    for (const write of refused) assert.throws(write, RangeError)
    assert.equal(writer.length, 0)
  })

  it('stores text that is not ASCII in its UTF-8 length', () => {
    const writer = new Writer(1)
    writer.utf8('aé€🦉', Buffer.byteLength('aé€🦉'))
    writer.utf8('ascii', 5)

    assert.equal(writer.toBuffer().toString(), 'aé€🦉ascii')
  })
})

describe('a UUID', () => {
  it('is 16 bytes on the wire and 22 characters of base64url in the program', () => {
    const bytes = Buffer.alloc(18)
    writeUuid(bytes, UUID, 1)

    assert.equal(bytes.toString('hex'), `00${UUID_HEX}00`)
    assert.equal(formatUuid(bytes, 1), UUID)
    writeUuid(bytes, ZERO_UUID, 1)
    assert.deepEqual(bytes, Buffer.alloc(18))
  })

  it('is refused when it is not one', () => {
    for (const text of ['', 'x', `${UUID}=`, `${UUID.slice(0, 21)}z`, UUID.replace('-', '+')]) {
      assert.equal(isUuid(text), false)
      assert.throws(() => writeUuid(Buffer.alloc(16), text, 0), /Not a UUID/)
    }
    assert.equal(isUuid(UUID), true)
  })
})
