import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Disk } from '../../host/disk.ts'
import { memoryDisk } from '../../host/memory-disk.ts'
import { nodeRandom } from '../../host/node-host.ts'
import { buildBatch } from '../batch/builder.ts'
import { writeBaseOffset } from '../batch/header.ts'
import { Journal, type JournalEntry, journalBytes } from './journal.ts'

const FILE_BYTES = 10_000
const PATH = 'journal/journal-0'

describe('a journal', () => {
  it('gives back what was written, in its order', async () => {
    const { journal, reopen } = await openJournal()
    for (const offset of [0, 1, 2]) append(journal, [offset])

    assert.deepEqual(await reopen(), [
      { baseOffset: 0, isBehindUnsynced: false },
      { baseOffset: 1, isBehindUnsynced: false },
      { baseOffset: 2, isBehindUnsynced: false },
    ])
  })

  it('says of what is behind a hole that the hole may never have been durable', async () => {
    const { journal, reopen, damage } = await openJournal()
    append(journal, [0])
    await journal.sync()
    append(journal, [1])
    append(journal, [2])

    await damage(1)

    assert.deepEqual(await reopen(), [
      { baseOffset: 0, isBehindUnsynced: false },
      { baseOffset: 2, isBehindUnsynced: true },
    ])
  })

  it('does not say so when what is missing was durable before', async () => {
    const { journal, reopen, damage } = await openJournal()
    append(journal, [0])
    append(journal, [1])
    await journal.sync()
    append(journal, [2])

    await damage(1)

    assert.deepEqual(await reopen(), [
      { baseOffset: 0, isBehindUnsynced: false },
      { baseOffset: 2, isBehindUnsynced: false },
    ])
  })
})

async function openJournal() {
  const disk = memoryDisk({ maxBytes: 1_000_000 })
  await disk.makeFolder('journal')
  const options = { disk, random: nodeRandom, folder: 'journal', fileBytes: FILE_BYTES }
  const { journal } = await Journal.open(options)
  await journal.begin()
  const reopen = async () => {
    const { entries } = await Journal.open(options)
    return entries.map(({ baseOffset, isBehindUnsynced }) => ({ baseOffset, isBehindUnsynced }))
  }
  return { journal, reopen, damage: (index: number) => damageEntry(disk, index) }
}

function append(journal: Journal, offsets: readonly number[]): void {
  const entries = offsets.map(entryOf)
  journal.appendCopied(
    entries,
    entries.reduce((sum, entry) => sum + journalBytes(entry), 0),
  )
}

function entryOf(baseOffset: number): JournalEntry {
  const record = { timestamp: 1_700_000_000_000, key: null, value: Buffer.from('value') }
  const bytes = buildBatch({ records: [record] })
  writeBaseOffset(bytes, 0, baseOffset)
  const place = { topicId: 'AAAAAAAAAAAAAAAAAAAABA', partition: 0, leaderEpoch: 0, baseOffset }
  return { ...place, pieces: [bytes], sizeBytes: bytes.length }
}

/** All entries here are of one size. */
async function damageEntry(disk: Disk, index: number): Promise<void> {
  const size = journalBytes(entryOf(0))
  const file = await disk.open(PATH)
  await file.write([Buffer.alloc(size)], index * size)
  await file.close()
}
