import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type Readiness, readyScreen } from './ready-screen.ts'
import type { StartReport } from './start-report.ts'

const nothing: StartReport = {
  kind: 'new',
  topics: 0,
  partitions: 0,
  records: 0,
  sizeBytes: 0,
  openMs: 12,
  tornTailsCut: 0,
  offlinePartitions: 0,
}

const first: Readiness = {
  version: '1.0.0',
  readyMs: 412,
  kafka: { host: '127.0.0.1', port: 9092 },
  protocol: 'PLAINTEXT',
  others: [],
  folder: './.millrace',
  isSynced: true,
  start: nothing,
}

function screen(readiness: Readiness): string {
  return readyScreen(readiness, (_, text) => text)
}

it('the first start says where everything is and what to try', () => {
  assert.equal(
    screen(first),
    `  millrace 1.0.0  ready in 412 ms
  Kafka      127.0.0.1:9092    any Kafka client
  Data       ./.millrace       new, fsync on     stop: Ctrl-C
  Try        npx millrace produce orders '{"id":1}'
  then       npx millrace consume orders --follow
`,
  )
})

it('another port stands in what to try', () => {
  const text = screen({ ...first, kafka: { host: '127.0.0.1', port: 9093 } })

  assert.match(text, /produce orders '\{"id":1\}' -b 127\.0\.0\.1:9093\n/)
  assert.match(text, /consume orders --follow -b 127\.0\.0\.1:9093\n/)
})

it('a later start says what is there, and what an unclean stop has cost', () => {
  const holding = { ...nothing, topics: 3, partitions: 12, records: 1_234_567, sizeBytes: 12e6 }
  const clean = screen({ ...first, start: { ...holding, kind: 'clean' } })
  const recovered = screen({
    ...first,
    start: { ...holding, kind: 'recovered', openMs: 312, tornTailsCut: 1 },
  })

  assert.match(clean, /Data {7}\.\/\.millrace {16}12 MB, fsync on/)
  assert.match(clean, /Holds {6}3 topics, 1\.2 M records {4}stopped cleanly, nothing to recover\n/)
  assert.match(
    recovered,
    /Recovered {2}3 topics, 1\.2 M records {4}after an unclean stop, in 312 ms, cut 1 torn end\n/,
  )
})

it('switched-off sync is seen at once', () => {
  assert.match(screen({ ...first, isSynced: false }), /fsync OFF/)
})
