import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { diskContract, isDiskError, rejectsWith } from '../../test/contracts/disk.ts'
import { memoryDisk } from './memory-disk.ts'

describe('the disk in memory', () => {
  diskContract(async () => memoryDisk({ maxBytes: 16 * 1024 * 1024 }))

  it('has no space beyond its bound, and the file stays as it was', async () => {
    const disk = memoryDisk({ maxBytes: 10 })
    const file = await disk.open('a', { create: true })
    await file.write([Buffer.from('12345678')], 0)

    await rejectsWith('no-space', file.write([Buffer.from('9ab')], 8))
    assert.throws(
      () => file.writeSync([Buffer.from('9ab')], 8),
      (error) => isDiskError(error, 'no-space'),
    )
    await rejectsWith('no-space', disk.replaceFile('b', 'abc'))

    assert.equal(await file.size(), 8)
    assert.equal(await disk.stat('b'), undefined)
  })

  it('has space again after a file is cut, removed or replaced', async () => {
    const disk = memoryDisk({ maxBytes: 10 })
    const file = await disk.open('a', { create: true })
    await file.write([Buffer.alloc(10)], 0)

    await file.truncate(4)
    await disk.replaceFile('b', '123456')
    await disk.rename('a', 'b')
    await disk.makeFolder('f')
    await disk.replaceFile('f/c', '123456')
    await disk.remove('f')
    await disk.replaceFile('d', '123456')

    await rejectsWith('no-space', disk.replaceFile('e', '1'))
  })
})
