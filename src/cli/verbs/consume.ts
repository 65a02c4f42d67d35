// `millrace consume`: reads records of topics, without a group and without a trace. Stops at the end
// as it was at the start, so that a script never hangs, unless it is told to follow.

import type { Command } from 'commander'
import type { BatchRecord } from '../../broker/batch/records.ts'
import { nodeClock } from '../../host/node-host.ts'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import type { Cluster, TopicPartition } from '../client/cluster.ts'
import { fetchRecords, type ReadRange } from '../client/fetch.ts'
import type { Isolation } from '../client/offsets.ts'
import { ExitCode, usageError } from '../exit-code.ts'
import { type JsonRecord, toJsonRecord } from '../json-record.ts'
import { parseCount } from '../key-values.ts'
import type { Output } from '../output.ts'
import { choosePartitions, parsePartitions } from '../partition-choice.ts'
import { POSITION_GRAMMAR, type Position, parsePosition } from '../position.ts'
import { resolvePositions } from '../resolve-position.ts'
import { RowStream } from '../row-stream.ts'
import type { Examples, Session } from '../session.ts'
import { printable, relativeTime, tsvField } from '../text.ts'

const LINE_FEED = Buffer.from('\n')
const NO_BYTES = Buffer.alloc(0)
const TIME_WIDTH = 10
const PLACE_WIDTH = 10

interface Options extends BrokerOptions {
  offset: string
  partition?: string
  key?: string
  max?: string
  follow?: boolean
  failEmpty?: boolean
  raw?: boolean
  uncommitted?: boolean
}

export const examples: Examples = [
  ['millrace consume orders', 'everything that is there, then stop'],
  ['millrace consume orders -o end --follow', 'what comes from now on'],
  ['millrace consume orders -o -10', 'the last ten records of each partition'],
  ['millrace consume orders -o @-15m --key user1 --jsonl', 'the last quarter of an hour of a key'],
]

export function define(command: Command, session: Session): void {
  command
    .argument('<topic...>', 'names of topics')
    .option('-o, --offset <position>', `where to begin: ${POSITION_GRAMMAR}`, 'start')
    .option('-f, --follow', 'go on with records as they come')
    .option('-n, --max <count>', 'stop after so many records')
    .option('-k, --key <key>', 'only records with this key')
    .option('-p, --partition <n,...>', 'only these partitions')
    .option('--raw', 'print the bytes of each value and a line end, nothing else')
    .option('--uncommitted', 'records of open and aborted transactions too')
    .option('--fail-empty', 'exit with 7 when there was no record')
  addBrokerOptions(command).action((topics: string[], options: Options) =>
    consume(session, topics, options),
  )
}

async function consume(session: Session, topics: string[], options: Options): Promise<void> {
  const position = parsePosition(options.offset, nodeClock.nowMs())
  const wanted = parsePartitions(options.partition)
  const max = options.max === undefined ? Infinity : parseCount(options.max, '--max')
  const isolation = options.uncommitted === true ? 'read_uncommitted' : 'read_committed'
  if (options.follow === true && options.json === true) {
    throw usageError('--json prints one document, which --follow never ends: use --jsonl.')
  }
  const { interrupted } = session.terminal
  await withCluster(session, options, async (cluster, output) => {
    const partitions = await choosePartitions(cluster, topics, wanted)
    const ranges = await rangesOf(cluster, output, { partitions, position, isolation })
    const read = options.follow === true ? ranges.map(withoutEnd) : ranges
    const printer = new RecordPrinter(output, { isRaw: options.raw === true, topics })
    const key = options.key === undefined ? undefined : Buffer.from(options.key)
    if (max > 0) {
      for await (const fetched of fetchRecords(cluster, read, { isolation, signal: interrupted })) {
        const matching = fetched.records.filter((record) => isWanted(record, key))
        await printer.print(fetched, matching.slice(0, max - printer.recordCount))
        if (printer.recordCount >= max) break
      }
    }
    await printer.end()
    if (interrupted.aborted) session.exitCode = ExitCode.INTERRUPTED
    else if (printer.recordCount === 0 && options.failEmpty === true) {
      session.exitCode = ExitCode.NOTHING_MATCHED
      await output.note('No record matched.')
    }
  })
}

async function rangesOf(
  cluster: Cluster,
  output: Output,
  request: { partitions: readonly TopicPartition[]; position: Position; isolation: Isolation },
): Promise<ReadRange[]> {
  const resolved = await resolvePositions(cluster, request.partitions, request)
  for (const { topic, partition, startOffset, endOffset, offset, wasMoved } of resolved) {
    if (!wasMoved) continue
    const there = `${startOffset} to ${endOffset}`
    await output.note(`Partition ${partition} of ${topic} holds ${there}: reading from ${offset}.`)
  }
  return resolved.map(({ topic, partition, offset, endOffset }) => {
    return { topic, partition, fromOffset: offset, endOffset }
  })
}

function withoutEnd({ topic, partition, fromOffset }: ReadRange): ReadRange {
  return { topic, partition, fromOffset }
}

function isWanted(record: BatchRecord, key: Buffer | undefined): boolean {
  return key === undefined || record.key?.equals(key) === true
}

class RecordPrinter {
  readonly #output: Output
  readonly #isRaw: boolean
  readonly #showsTopic: boolean
  readonly #rows: RowStream<JsonRecord>
  #rawCount = 0
  #nowMs = 0

  constructor(output: Output, options: { isRaw: boolean; topics: readonly string[] }) {
    this.#output = output
    this.#isRaw = options.isRaw
    this.#showsTopic = new Set(options.topics).size > 1
    this.#rows = new RowStream(output, (record) =>
      output.format === 'tsv' ? tsvRecord(record) : this.#lineForPeople(record),
    )
  }

  get recordCount(): number {
    return this.#rawCount + this.#rows.rowCount
  }

  async print(place: TopicPartition, records: readonly BatchRecord[]): Promise<void> {
    if (!this.#isRaw) {
      this.#nowMs = nodeClock.nowMs()
      return this.#rows.write(records.map((record) => toJsonRecord(place, record)))
    }
    if (records.length === 0) return
    const chunks = records.flatMap(({ value }) => [value ?? NO_BYTES, LINE_FEED])
    await this.#output.data(Buffer.concat(chunks))
    this.#rawCount += records.length
  }

  async end(): Promise<void> {
    if (!this.#isRaw) await this.#rows.end()
  }

  #lineForPeople(record: JsonRecord): string {
    const { topic, partition, offset, timestamp, key, value, headers } = record
    const time = timestamp === null ? '-' : relativeTime(Date.parse(timestamp), this.#nowMs)
    const place = `${this.#showsTopic ? `${topic} ` : ''}${partition}@${offset}`
    const parts = [
      this.#output.paint('dim', time.padStart(TIME_WIDTH)),
      this.#output.paint('cyan', place.padEnd(PLACE_WIDTH)),
    ]
    if (key !== null) parts.push(this.#output.paint('bold', printable(key)))
    parts.push(value === null ? this.#output.paint('dim', 'null') : printable(value))
    const shown = headers.map(([name, content]) => `${printable(name)}:${printable(content)}`)
    if (shown.length > 0) parts.push(this.#output.paint('dim', shown.join(' ')))
    return `${parts.join('  ')}\n`
  }
}

function tsvRecord({ topic, partition, offset, timestamp, key, value }: JsonRecord): string {
  const time = tsvField(timestamp)
  return `${topic}\t${partition}\t${offset}\t${time}\t${tsvField(key)}\t${tsvField(value)}\n`
}
