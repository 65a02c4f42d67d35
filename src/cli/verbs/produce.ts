// `millrace produce`: writes one record from the command line, or one per line of the input, and
// prints where each has landed, in the order of the input. Ctrl-C stops reading; what was read is
// written and told.

import type { Command } from 'commander'
import type { Codec } from '../../host/codec.ts'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import { type OutgoingRecord, Producer, type WrittenRecord } from '../client/producer.ts'
import { unlessAborted } from '../client/unless-aborted.ts'
import { ExitCode, usageError } from '../exit-code.ts'
import { parseJsonRecord } from '../json-record.ts'
import { collect, parseCount } from '../key-values.ts'
import { linesOf } from '../lines.ts'
import type { Output } from '../output.ts'
import { RowStream } from '../row-stream.ts'
import type { Examples, Session } from '../session.ts'
import type { Terminal } from '../terminal.ts'
import { count, isoTime } from '../text.ts'

const CODECS: readonly Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const ACKS: Readonly<Record<string, -1 | 0 | 1>> = { all: -1, '1': 1, '0': 0 }

interface Options extends BrokerOptions {
  key?: string
  header?: string[]
  partition?: string
  compression: string
  acks: string
  tombstone?: boolean
  input: string
  keySeparator?: string
}

/** What the options say of every record. */
type Template = Omit<OutgoingRecord, 'value'>

interface Place {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** RFC 3339 */
  readonly timestamp: string | null
}

export const examples: Examples = [
  [`millrace produce orders '{"id":1}'`, 'one record'],
  [`millrace produce orders -k user1 -H type:created '{"id":1}'`, 'with a key and a header'],
  ['millrace produce orders < orders.txt', 'one record per line'],
  ['millrace consume a --jsonl | millrace produce b --input jsonl', 'copy a topic'],
  ['millrace produce users -k user1 --tombstone', 'delete a key of a compacted topic'],
]

export function define(command: Command, session: Session): void {
  command
    .argument('<topic>', 'name of a topic')
    .argument('[value]', 'the value; without it, one record per line of the input')
    .option('-k, --key <key>', 'key of every record, unless its line has one')
    .option(
      '-H, --header <name:value>',
      'header of every record, unless its line has some; may be repeated',
      collect,
    )
    .option('-p, --partition <n>', "the partition (default: by the key's hash)")
    .option('-z, --compression <codec>', CODECS.join(', '), 'none')
    .option('--acks <acks>', 'all: once durable, 1: once written, 0: no answer (offset -1)', 'all')
    .option('--tombstone', 'a record without a value, which deletes its key on compaction')
    .option('--input <form>', 'of each line of the input: text, jsonl', 'text')
    .option('--key-separator <text>', 'what stands between key and value in a line of text')
  addBrokerOptions(command).action((topic: string, value: string | undefined, options: Options) =>
    run(session, { topic, value }, options),
  )
}

async function run(
  session: Session,
  { topic, value }: { topic: string; value: string | undefined },
  options: Options,
): Promise<void> {
  const { terminal } = session
  const template = templateOf(topic, options)
  const acks = parseAcks(options.acks)
  const compression = parseCodec(options.compression)
  if (options.tombstone === true && (value !== undefined || template.key === null)) {
    throw usageError('--tombstone takes a --key and no value.')
  }
  await withCluster(session, options, async (cluster, output) => {
    await cluster.topicOrNew(topic)
    const producer = await Producer.open(cluster, { acks, compression, isIdempotent: acks === -1 })
    const printer = new PlacePrinter(output)
    try {
      if (value !== undefined || options.tombstone === true) {
        const bytes = value === undefined ? null : Buffer.from(value)
        printer.add([producer.send({ ...template, value: bytes })])
      } else {
        if (terminal.stdin.isTty) await output.note('One record per line; Ctrl-D ends.')
        await sendLines(terminal, { producer, printer, parse: lineParser(template, options) })
      }
    } finally {
      await printer.end()
    }
    await producer.flush()
    await output.detail(`wrote ${count(printer.recordCount, 'record')}`)
    if (terminal.interrupted.aborted) session.exitCode = ExitCode.INTERRUPTED
  })
}

/** Reads until the input ends, a record fails, or the person interrupts. */
async function sendLines(
  terminal: Terminal,
  {
    producer,
    printer,
    parse,
  }: { producer: Producer; printer: PlacePrinter; parse: (line: Buffer) => OutgoingRecord },
): Promise<void> {
  const { stdin, interrupted } = terminal
  const stop = AbortSignal.any([printer.failed, interrupted])
  for await (const lines of linesOf(takeUntil(stdin.chunks(), stop))) {
    const sent: Promise<WrittenRecord>[] = []
    try {
      for (const line of lines) sent.push(producer.send(parse(line)))
    } finally {
      printer.add(sent)
    }
    await producer.room()
  }
}

async function* takeUntil<T>(items: AsyncIterable<T>, stop: AbortSignal): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]()
  for (;;) {
    const next = await unlessAborted(iterator.next(), stop)
    if (next === undefined || next.done === true) return
    yield next.value
  }
}

/** Prints where records have landed, in the order of the input, as it becomes known. */
class PlacePrinter {
  readonly #rows: RowStream<Place>
  readonly #failure = new AbortController()
  #printed: Promise<void> = Promise.resolve()
  #error: { reason: unknown } | undefined

  constructor(output: Output) {
    this.#rows = new RowStream(output, ({ partition, offset }) => `${partition}@${offset}\n`)
  }

  /** Aborts with the first record that could not be written. */
  get failed(): AbortSignal {
    return this.#failure.signal
  }

  get recordCount(): number {
    return this.#rows.rowCount
  }

  add(sent: readonly Promise<WrittenRecord>[]): void {
    const settled = Promise.allSettled(sent)
    this.#printed = this.#printed.then(async () => this.#print(await settled))
  }

  /** Once all has been printed. @throws what the first record failed with */
  async end(): Promise<void> {
    await this.#printed
    await this.#rows.end()
    if (this.#error !== undefined) throw this.#error.reason
  }

  async #print(results: readonly PromiseSettledResult<WrittenRecord>[]): Promise<void> {
    const places: Place[] = []
    for (const result of results) {
      if (result.status === 'fulfilled') {
        const { timestampMs, ...place } = result.value
        places.push({ ...place, timestamp: isoTime(timestampMs) })
      } else {
        this.#error ??= { reason: result.reason }
        this.#failure.abort()
      }
    }
    await this.#rows.write(places)
  }
}

function templateOf(topic: string, options: Options): Template {
  const { key, header = [], partition } = options
  return {
    topic,
    key: key === undefined ? null : Buffer.from(key),
    headers: header.map(parseHeader),
    ...(partition !== undefined && { partition: parseCount(partition, '--partition') }),
  }
}

function lineParser(template: Template, options: Options): (line: Buffer) => OutgoingRecord {
  const { input, keySeparator } = options
  if (input === 'jsonl') {
    return (line) => {
      const { key, headers = [], ...record } = parseJsonRecord(line, template.topic)
      return {
        ...template,
        ...record,
        key: key ?? template.key,
        headers: headers.length === 0 ? (template.headers ?? []) : headers,
      }
    }
  }
  if (input !== 'text') throw usageError(`'${input}' is no form of input: give text or jsonl.`)
  if (keySeparator === undefined) return (line) => ({ ...template, value: line })
  return (line) => {
    const at = line.indexOf(keySeparator)
    if (at < 0) return { ...template, value: line }
    const value = line.subarray(at + Buffer.byteLength(keySeparator))
    return { ...template, key: line.subarray(0, at), value }
  }
}

function parseHeader(text: string): [string, Buffer] {
  const at = text.indexOf(':')
  if (at <= 0) throw usageError(`'${text}' is no header: give -H name:value.`)
  return [text.slice(0, at), Buffer.from(text.slice(at + 1))]
}

function parseAcks(text: string): -1 | 0 | 1 {
  const acks = ACKS[text]
  if (acks === undefined) throw usageError(`'${text}' is no --acks: give all, 1 or 0.`)
  return acks
}

function parseCodec(text: string): Codec {
  const codec = CODECS.find((name) => name === text)
  if (codec === undefined) {
    throw usageError(`'${text}' is no --compression: give ${CODECS.join(', ')}.`)
  }
  return codec
}
