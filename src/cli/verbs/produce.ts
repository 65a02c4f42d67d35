// `millrace produce`: writes one record from the command line, or one per line of the input, and
// prints where each has landed, in the order of the input. Ctrl-C stops reading; what was read is
// written and told.

import type { Command } from 'commander'
import type { Codec } from '../../host/codec.ts'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import { type OutgoingRecord, Producer, type WrittenRecord } from '../client/producer.ts'
import { ExitCode, usageError } from '../exit-code.ts'
import { parseJsonRecord } from '../json-record.ts'
import { collect, parseCount } from '../key-values.ts'
import { linesOf } from '../lines.ts'
import type { Output } from '../output.ts'
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

type Template = Omit<OutgoingRecord, 'value'>

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
    .option('-k, --key <key>', 'key of every record')
    .option('-H, --header <name:value>', 'header of every record, may be repeated', collect)
    .option('-p, --partition <n>', "the partition (default: by the key's hash)")
    .option('-z, --compression <codec>', CODECS.join(', '), 'none')
    .option('--acks <acks>', 'all: once durable, 1: once written, 0: no answer', 'all')
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
  const producerOptions = {
    acks: parseAcks(options.acks),
    compression: parseCodec(options.compression),
  }
  if (options.tombstone === true && (value !== undefined || template.key === null)) {
    throw usageError('--tombstone takes a --key and no value.')
  }
  await withCluster(session, options, async (cluster, output) => {
    await cluster.topicOrNew(topic)
    const producer = await Producer.open(cluster, producerOptions)
    const printer = new Printer(output)
    if (value !== undefined || options.tombstone === true) {
      const bytes = value === undefined ? null : Buffer.from(value)
      printer.add([producer.send({ ...template, value: bytes })])
    } else {
      if (terminal.stdin.isTty) await output.note('One record per line; Ctrl-D ends.')
      await sendLines(terminal, { producer, printer, parse: lineParser(template, options) })
    }
    await printer.end()
    await output.detail(`wrote ${count(printer.recordCount, 'record')}`)
    if (terminal.interrupted.aborted) session.exitCode = ExitCode.INTERRUPTED
  })
}

async function sendLines(
  terminal: Terminal,
  {
    producer,
    printer,
    parse,
  }: { producer: Producer; printer: Printer; parse: (line: Buffer) => OutgoingRecord },
): Promise<void> {
  const lines = linesOf(untilInterrupted(terminal))
  for await (const batch of lines) {
    // A record that can't be read or written ends it: what comes after must not overtake it.
    printer.add(batch.map((line) => producer.send(parse(line))))
    await producer.room()
    if (printer.hasFailed) return
  }
}

async function* untilInterrupted({ stdin, interrupted }: Terminal): AsyncGenerator<Buffer> {
  const chunks = stdin.chunks()[Symbol.asyncIterator]()
  const { promise: interruption, resolve } = Promise.withResolvers<undefined>()
  interrupted.addEventListener('abort', () => resolve(undefined), { once: true })
  for (;;) {
    const next = await Promise.race([chunks.next(), interruption])
    if (next === undefined || next.done === true) return
    yield next.value
  }
}

/** Prints acknowledgements in the order of the input, as they come. */
class Printer {
  readonly #output: Output
  #printed: Promise<void> = Promise.resolve()
  #failure: { error: unknown } | undefined
  #recordCount = 0
  #hasPrinted = false

  constructor(output: Output) {
    this.#output = output
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined
  }

  get recordCount(): number {
    return this.#recordCount
  }

  add(acknowledgements: readonly Promise<WrittenRecord>[]): void {
    const settled = Promise.allSettled(acknowledgements)
    this.#printed = this.#printed.then(async () => this.#print(await settled))
  }

  /** Once all has been printed. @throws the first failure */
  async end(): Promise<void> {
    await this.#printed
    if (this.#output.format === 'json') await this.#output.data(this.#hasPrinted ? '\n]\n' : '[]\n')
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async #print(results: readonly PromiseSettledResult<WrittenRecord>[]): Promise<void> {
    const lines: string[] = []
    for (const result of results) {
      if (result.status === 'rejected') this.#failure ??= { error: result.reason }
      else lines.push(this.#line(result.value))
    }
    this.#recordCount += lines.length
    if (lines.length > 0) await this.#output.data(lines.join(''))
  }

  #line({ topic, partition, offset, timestampMs }: WrittenRecord): string {
    const isJson = this.#output.format === 'json' || this.#output.format === 'jsonl'
    if (!isJson) return `${partition}@${offset}\n`
    const line = JSON.stringify({ topic, partition, offset, timestamp: isoTime(timestampMs) })
    if (this.#output.format === 'jsonl') return `${line}\n`
    const separator = this.#hasPrinted ? ',\n' : '[\n'
    this.#hasPrinted = true
    return `${separator}  ${line}`
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
    return (line) => ({ ...template, ...parseJsonRecord(line, template.topic) })
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
