import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import zlib from 'node:zlib'
import lz4 from 'lz4-napi'
import snappy from 'snappy'
import { type Codec, compress, compressSync, decompress, decompressSync } from './codec.ts'
import { CodecError, type CodecErrorCode } from './codec-block.ts'

const codecs: Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const compressing = codecs.filter((codec) => codec !== 'none')
const MAX = { maxBytes: 4 * 1024 * 1024 }

const contents: Record<string, Buffer> = {
  nothing: Buffer.alloc(0),
  'one byte': Buffer.from('a'),
  text: Buffer.alloc(100_000, 'the quick brown fox '),
  zeros: Buffer.alloc(1_000_000),
  noise: Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * index * 7919) >>> 7)),
}

describe('a codec', () => {
  for (const codec of codecs) {
    it(`${codec} gives back what it was given`, async () => {
      for (const [name, content] of Object.entries(contents)) {
        const compressed = compressSync(codec, content)

        assert.ok(decompressSync(codec, compressed, MAX).equals(content), name)
        assert.ok((await decompress(codec, compressed, MAX)).equals(content), name)
        const compressedAsync = await compress(codec, content)
        assert.ok(decompressSync(codec, compressedAsync, MAX).equals(content), name)
      }
    })

    it(`${codec} decompresses to exactly the bound, and to nothing beyond it`, async () => {
      const bomb = compressSync(codec, Buffer.alloc(1_000_000))

      assert.equal(decompressSync(codec, bomb, { maxBytes: 1_000_000 }).length, 1_000_000)
      await refuses('too-large', codec, bomb, 999_999)
      await refuses('too-large', codec, bomb, 0)
    })
  }

  for (const codec of compressing) {
    it(`${codec} says corrupt when the input is cut anywhere, or is something else`, async () => {
      const compressed = compressSync(codec, contents['text']!.subarray(0, 500))
      for (let length = 1; length < compressed.length; length++) {
        // Xerial's framing has no end: a cut between two of its parts is a shorter content.
        if (codec === 'snappy' && length === 16) continue
        await refuses('corrupt', codec, compressed.subarray(0, length))
      }
      await refuses('corrupt', codec, Buffer.from('this was never compressed at all'))
      await refuses('corrupt', codec, Buffer.alloc(40, 0xff))
    })
  }

  it('zstd does not lose what follows its frame unseen', async () => {
    const frame = compressSync('zstd', contents['text']!)

    await refuses('corrupt', 'zstd', Buffer.concat([frame, frame]))
  })
})

describe('snappy', () => {
  it('is read raw, as librdkafka writes it', async () => {
    const raw = snappy.compressSync(contents['text']!)

    assert.ok(decompressSync('snappy', raw, MAX).equals(contents['text']!))
    assert.ok((await decompress('snappy', raw, MAX)).equals(contents['text']!))
  })

  it('is written in blocks of 32 KB behind the header of xerial', () => {
    const framed = compressSync('snappy', contents['text']!)

    assert.equal(framed.toString('latin1', 0, 8), '\x82SNAPPY\0')
    assert.deepEqual([framed.readInt32BE(8), framed.readInt32BE(12)], [1, 1])
    const firstBlock = framed.subarray(20, 20 + framed.readInt32BE(16))
    assert.equal(snappy.uncompressSync(firstBlock).length, 32 * 1024)
  })

  it('refuses a length that no input of that size can have, before it takes memory', async () => {
    const claimsFourGigabytes = Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0])

    await refuses('too-large', 'snappy', claimsFourGigabytes)
  })

  it('refuses a framed block that claims more than is left', async () => {
    const framed = compressSync('snappy', contents['text']!)
    for (const length of [-1, 2 ** 31 - 1]) {
      framed.writeInt32BE(length, 16)
      await refuses('corrupt', 'snappy', framed)
    }
  })
})

describe('an lz4 frame', () => {
  const text = contents['text']!

  it('is read with checksums and content size, and one after the other', async () => {
    const plain = lz4.compressFrameSync(text)
    const checked = lz4.compressFrameSync(text, { contentChecksum: true, blockChecksums: true })
    const sized = Buffer.concat([plain.subarray(0, 6), Buffer.alloc(8), plain.subarray(6)])
    sized[4]! |= 0x08

    for (const frame of [plain, checked, sized]) {
      assert.ok(decompressSync('lz4', frame, MAX).equals(text))
      assert.ok((await decompress('lz4', frame, MAX)).equals(text))
    }
    const two = Buffer.concat([checked, plain])
    assert.ok(decompressSync('lz4', two, MAX).equals(Buffer.concat([text, text])))
  })

  it('is read when its blocks refer to those before them', async () => {
    const frame = frameOfLinkedBlocks(text, 40_000)

    assert.ok(decompressSync('lz4', frame, MAX).equals(text))
    assert.ok((await decompress('lz4', frame, MAX)).equals(text))
    assert.ok(frame.length < lz4.compressFrameSync(text.subarray(0, 40_000)).length + 600)
  })

  it('is read when it holds blocks that were stored as they are', () => {
    const stored = Buffer.from('not worth compressing')
    const size = Buffer.alloc(4)
    size.writeUInt32LE(0x8000_0000 + stored.length)
    const frame = Buffer.concat([frameHeader(0x60), size, stored, Buffer.alloc(4)])

    assert.equal(decompressSync('lz4', frame, MAX).toString(), 'not worth compressing')
  })

  it('refuses blocks beyond the size that it declares, dictionaries, other versions', async () => {
    const size = Buffer.alloc(4)
    size.writeUInt32LE(64 * 1024 + 1)
    const big = Buffer.alloc(64 * 1024 + 1)

    await refuses('corrupt', 'lz4', Buffer.concat([frameHeader(0x60), size, big, Buffer.alloc(4)]))
    await refuses('corrupt', 'lz4', Buffer.concat([frameHeader(0x61), Buffer.alloc(8)]))
    await refuses('corrupt', 'lz4', Buffer.concat([frameHeader(0xa0), Buffer.alloc(8)]))
    await refuses('corrupt', 'lz4', Buffer.concat([frameHeader(0x60, 0x30), Buffer.alloc(8)]))
  })

  it('refuses a block that decompresses to more than the largest block', async () => {
    const block = lz4.compressSync(Buffer.alloc(300_000)).subarray(4)
    const size = Buffer.alloc(4)
    size.writeUInt32LE(block.length)

    await refuses(
      'corrupt',
      'lz4',
      Buffer.concat([frameHeader(0x60), size, block, Buffer.alloc(4)]),
    )
  })
})

describe('gzip', () => {
  it('is read in several members', () => {
    const two = Buffer.concat([zlib.gzipSync('one '), zlib.gzipSync('two')])

    assert.equal(decompressSync('gzip', two, MAX).toString(), 'one two')
  })
})

function frameHeader(flags: number, limits = 0x40): Buffer {
  return Buffer.from([0x04, 0x22, 0x4d, 0x18, flags, limits, 0])
}

function frameOfLinkedBlocks(content: Buffer, blockBytes: number): Buffer {
  const parts = [frameHeader(0x40)]
  for (let at = 0; at < content.length; at += blockBytes) {
    const history = content.subarray(Math.max(0, at - 64 * 1024), at)
    const piece = content.subarray(at, at + blockBytes)
    const block = lz4.compressSync(piece, history.length > 0 ? history : undefined).subarray(4)
    const size = Buffer.alloc(4)
    size.writeUInt32LE(block.length)
    parts.push(size, block)
  }
  parts.push(Buffer.alloc(4))
  return Buffer.concat(parts)
}

async function refuses(
  code: CodecErrorCode,
  codec: Codec,
  bytes: Buffer,
  maxBytes = MAX.maxBytes,
): Promise<void> {
  const expected = (error: unknown) => error instanceof CodecError && error.code === code
  assert.throws(() => decompressSync(codec, bytes, { maxBytes }), expected)
  await assert.rejects(decompress(codec, bytes, { maxBytes }), expected)
}
