import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeProgress, encodeProgress, FULL_FROM } from './progress.ts'

describe('progress in the commit metadata', () => {
  it('comes back as it was written', () => {
    const progress = {
      isOpen: true,
      crashes: 2,
      suspects: [
        { offset: 1007, deaths: 1 },
        { offset: 1000, deaths: 2 },
      ],
      done: [
        { start: 1001, end: 1002 },
        { start: 1300, end: 2 ** 40 },
      ],
    }

    const { metadata } = encodeProgress(1000, progress)

    assert.deepEqual(decodeProgress(1000, metadata), progress)
  })

  it('rule 1: stays within 4096 bytes and says which finished events it had no room for', () => {
    const done = Array.from({ length: 5000 }, (_, i) => ({ start: i * 2 + 1, end: i * 2 + 2 }))

    const encoded = encodeProgress(0, { isOpen: true, crashes: 0, suspects: [], done })

    assert.ok(Buffer.byteLength(encoded.metadata) <= 4096)
    assert.ok(encoded.fullness > FULL_FROM && encoded.fullness <= 1)
    const known = decodeProgress(0, encoded.metadata).done
    assert.deepEqual(
      known,
      done.filter(({ start }) => start < encoded.coveredBelow),
    )
    assert.ok(known.length > 1500)
  })

  it('says nothing when it was written by somebody else, or is damaged', () => {
    const nothing = { isOpen: false, crashes: 0, suspects: [], done: [] }

    for (const text of ['', 'moved by hand', '1.', '1.AA', '1.____________________', '2.AAAA']) {
      assert.deepEqual(decodeProgress(7, text), nothing, text)
    }
  })
})
