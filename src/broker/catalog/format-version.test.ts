import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { memoryDisk } from '../../host/memory-disk.ts'
import { checkFormatVersion } from './format-version.ts'

const newDisk = () => memoryDisk({ maxBytes: 1_000_000 })

describe('the format version of a data folder', () => {
  it('is written into a new one, and accepted from then on', async () => {
    const disk = newDisk()

    await checkFormatVersion(disk)
    await checkFormatVersion(disk)

    assert.equal((await disk.readFile('format'))?.toString(), '1\n')
  })

  it('that is unknown is refused, and nothing is touched', async () => {
    const disk = newDisk()
    await disk.replaceFile('format', '99\n')

    await assert.rejects(checkFormatVersion(disk), /format version '99'.*Nothing was touched/)

    assert.deepEqual(await disk.list('.'), ['format'])
    assert.equal((await disk.readFile('format'))?.toString(), '99\n')
  })

  it('must be there when a catalogue is', async () => {
    const disk = newDisk()
    await disk.makeFolder('meta')

    await assert.rejects(checkFormatVersion(disk), /no file 'format'/)

    assert.equal(await disk.readFile('format'), undefined)
  })
})
