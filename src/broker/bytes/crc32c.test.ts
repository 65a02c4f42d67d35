import assert from 'node:assert/strict'
import { it } from 'node:test'
import { crc32c } from './crc32c.ts'

// Vectors: RFC 3720, appendix B.4, and the catalogue's check value.
const vectors: readonly [bytes: Buffer, checksum: number][] = [
  [Buffer.from('123456789'), 0xe3069283],
  [Buffer.alloc(32), 0x8a9136aa],
  [Buffer.alloc(32, 0xff), 0x62a8ab43],
  [Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e],
  [Buffer.alloc(0), 0],
]

it('crc32c gives the published checksums, in one piece or in several', () => {
  for (const [bytes, checksum] of vectors) {
    assert.equal(crc32c(bytes), checksum)
    for (const cut of [0, 1, bytes.length >> 1]) {
      assert.equal(crc32c(bytes.subarray(cut), crc32c(bytes.subarray(0, cut))), checksum)
    }
  }
})
