// Reading, processing and writing in transactions: what was aborted is as if it had never been, and
// what was committed is there with its offsets.
import assert from 'node:assert/strict'
import type { Ability } from '../ability.ts'
import type { StoredBatch } from '../probe.ts'
import { recordsOf } from '../records.ts'

const TIMEOUT_MS = 20_000
const firstTimestamp = Date.now() - 3_600_000

const readProcessWrite: Ability = {
  name: 'transactions: reads, processes and writes exactly once',
  step: 'first',
  attempt: async ({ client, driver, probe, name }) => {
    const topic = name('transactions-in')
    const into = name('transactions-out')
    await probe.createTopic(topic, 1)
    await probe.createTopic(into, 1)
    const records = recordsOf(client, { partition: 0, firstTimestamp })
    const { positions } = await driver.call('produce', { topic, clientId: client.id, records })
    const transact = async (count: number, ends: 'commit' | 'abort') => {
      const group = name('transactions')
      const transactionalId = `${group}-0`
      const rest = { count, ends, timeoutMs: TIMEOUT_MS }
      return (await driver.call('transact', { topic, into, group, transactionalId, ...rest })).seen
    }

    assert.deepEqual(await transact(records.length, 'abort'), positions)
    // The offsets went with the transaction, so they are read again; and after the commit no more.
    assert.deepEqual(await transact(records.length, 'commit'), positions)
    const more = records.slice(0, 1)
    const later = await driver.call('produce', { topic, clientId: client.id, records: more })
    assert.deepEqual(await transact(1, 'commit'), later.positions)

    assert.deepEqual(transactionsIn(await probe.batches(into, 0)), [
      ['abort', records.length],
      ['commit', records.length],
      ['commit', 1],
    ])
  },
}

/** How each transaction of one partition ended, and how many records it wrote. */
function transactionsIn(batches: readonly StoredBatch[]): [string, number][] {
  const ended: [string, number][] = []
  let count = 0
  for (const { marker, recordCount } of batches) {
    if (marker === null) count += recordCount
    else ended.push([marker, count])
    if (marker !== null) count = 0
  }
  return ended
}

export const transactionAbilities: readonly Ability[] = [readProcessWrite]
