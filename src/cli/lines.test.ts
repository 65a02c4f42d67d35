import assert from 'node:assert/strict'
import { it } from 'node:test'
import { linesOf } from './lines.ts'

it('lines are the same however the input is cut', async () => {
  const input = Buffer.from('one\n\ntwo\r\nthree')
  for (let size = 1; size <= input.length; size++) {
    assert.deepEqual(await lines(chunksOf(input, size)), ['one', '', 'two', 'three'])
  }
})

it('a line end at the very end is no record', async () => {
  assert.deepEqual(await lines(chunksOf(Buffer.from('one\n'), 99)), ['one'])
  assert.deepEqual(await lines(chunksOf(Buffer.from('\n'), 99)), [''])
  assert.deepEqual(await lines(chunksOf(Buffer.alloc(0), 99)), [])
})

async function lines(chunks: AsyncIterable<Buffer>): Promise<string[]> {
  const found: string[] = []
  for await (const batch of linesOf(chunks)) found.push(...batch.map(String))
  return found
}

async function* chunksOf(input: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < input.length; at += size) yield input.subarray(at, at + size)
}
