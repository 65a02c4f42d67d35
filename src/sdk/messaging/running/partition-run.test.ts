import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { IncomingRecord } from '../../events/record.ts'
import { FULL_FROM } from '../ordering/progress.ts'
import { PartitionRun } from './partition-run.ts'

const place = { topic: 'orders', partition: 0 }
const COUNT = 10_000

function recordAt(offset: number): IncomingRecord {
  return { ...place, offset, key: null, value: null, headers: [], timestampMs: 0 }
}

it('rule 1: begins nothing new while the room for what is finished is three quarters full', () => {
  const run = new PartitionRun({ ...place, offset: 0, metadata: '' }, COUNT)
  const records = Array.from({ length: COUNT }, (_, offset) => recordAt(offset))
  const unfinished: { offset: number; ticket: number }[] = []
  const finish = (one: { offset: number; ticket: number }) => {
    run.finish([one])
  }
  run.state = 'open'
  run.fetched({ ...place, records, nextOffset: COUNT, endOffset: COUNT })
  const commit = () => run.committed(run.snapshot(true))
  let begun = 0
  const goOn = () => {
    for (let next = run.next(); next !== undefined; next = run.next()) {
      const one = { offset: next.record.offset, ticket: next.ticket }
      // Each finished one stands by itself, between two that are not: there is no longer way to say it.
      if (begun++ % 2 === 0) unfinished.push(one)
      else finish(one)
      if (begun % 10 === 0) commit()
    }
  }

  goOn()
  commit()

  assert.ok(begun > 1_000 && begun < 3_000, `${begun} were begun`)
  assert.ok(Buffer.byteLength(run.lastCommit?.metadata ?? '') <= 4096)
  assert.equal(run.isCommitUrgent, true, `more than ${FULL_FROM} of the room is used`)
  assert.equal(run.next(), undefined)

  for (const one of unfinished.splice(0)) finish(one)
  commit()
  const before = begun
  goOn()
  assert.ok(begun > before, 'there is room again')
})
