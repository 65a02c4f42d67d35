// The runner's own view of the broker: a handful of requests, written by hand so that no client and
// none of our own code stands between the test and the wire. Every version here is the last before
// the API became flexible. Source: the protocol's published message definitions.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

const LATEST = -1
const EARLIEST = -2
const UNKNOWN_TOPIC_OR_PARTITION = 3
const TOPIC_AUTHORIZATION_FAILED = 29

/** What a batch says of itself, of those fields that the matrix asks for. */
export interface StoredBatch {
  readonly baseOffset: number
  readonly codec: string
  readonly producerId: number
  readonly recordCount: number
  /** How a transaction ended here; null for a batch of records. */
  readonly marker: 'commit' | 'abort' | null
}

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

/** A control record's key is its version and its type, five small fields behind the header. */
function markerAt(records: Buffer, at: number): StoredBatch['marker'] {
  const isControl = (records.readInt16BE(at + 21) & 0x20) !== 0
  if (!isControl) return null
  return records.readInt16BE(at + 61 + 5 + 2) === 1 ? 'commit' : 'abort'
}

export class Probe {
  readonly #address: string

  constructor(address: string) {
    this.#address = address
  }

  get address(): { readonly host: string; readonly port: number } {
    const { hostname, port } = new URL(`kafka://${this.#address}`)
    return { host: hostname, port: Number(port) }
  }

  /** Creates a topic and waits until every partition has a leader that serves it. */
  async createTopic(
    topic: string,
    partitions: number,
    configs: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const writer = new Writer().int32(1).string(topic).int32(partitions).int16(1).int32(0)
    const settings = Object.entries(configs)
    writer.int32(settings.length)
    for (const [key, value] of settings) writer.string(key).string(value)
    const answer = await this.#ask(19, 4, writer.int32(20_000).int8(0))
    answer.skip(8)
    answer.string()
    const errorCode = answer.int16()
    if (errorCode !== 0) throw new Error(`creating ${topic} failed with error code ${errorCode}`)
    await until(`topic ${topic}`, async () => (await this.leaders(topic)).length === partitions)
    for (let partition = 0; partition < partitions; partition++) {
      await until(`${topic}-${partition}`, () => this.#isServed(topic, partition))
    }
  }

  /** From now on nobody may do anything to the topic but describe it. */
  async allowOnlyDescribe(topic: string): Promise<void> {
    const [TOPIC, LITERAL, DESCRIBE, ALLOW] = [2, 3, 8, 3]
    const writer = new Writer().int32(1).int8(TOPIC).string(topic).int8(LITERAL)
    const answer = await this.#ask(
      30,
      1,
      writer.string('User:*').string('*').int8(DESCRIBE).int8(ALLOW),
    )
    answer.skip(4 + 4)
    const errorCode = answer.int16()
    if (errorCode !== 0) throw new Error(`a rule for ${topic} failed with error code ${errorCode}`)
    await until(`the rule for ${topic}`, () => this.#isUnreadable(topic))
  }

  async #isUnreadable(topic: string): Promise<boolean> {
    try {
      await this.#fetch(topic, 0, 0)
      return false
    } catch (error) {
      return error instanceof Error && error.message.endsWith(`code ${TOPIC_AUTHORIZATION_FAILED}`)
    }
  }

  /** The leader of each partition that has one; none where the topic is unknown. */
  async leaders(topic: string): Promise<number[]> {
    const answer = await this.#ask(3, 4, new Writer().int32(1).string(topic).int8(0))
    answer.skip(4)
    answer.array(() => {
      answer.skip(4)
      answer.string()
      answer.skip(4)
      answer.string()
    })
    answer.string()
    answer.skip(4 + 4)
    const errorCode = answer.int16()
    if (errorCode === UNKNOWN_TOPIC_OR_PARTITION) return []
    answer.string()
    answer.skip(1)
    const leaders: number[] = []
    answer.array(() => {
      const partitionErrorCode = answer.int16()
      answer.skip(4)
      const leader = answer.int32()
      if (partitionErrorCode === 0 && leader >= 0) leaders.push(leader)
      answer.array(() => answer.int32())
      answer.array(() => answer.int32())
    })
    return leaders
  }

  async #isServed(topic: string, partition: number): Promise<boolean> {
    try {
      return (await this.endOffset(topic, partition)) === 0
    } catch {
      return false
    }
  }

  startOffset(topic: string, partition: number): Promise<number> {
    return this.#listOffset(topic, partition, EARLIEST)
  }

  endOffset(topic: string, partition: number): Promise<number> {
    return this.#listOffset(topic, partition, LATEST)
  }

  async #listOffset(topic: string, partition: number, timestamp: number): Promise<number> {
    const writer = new Writer().int32(-1).int32(1).string(topic).int32(1).int32(partition)
    const answer = await this.#ask(2, 1, writer.int64(timestamp))
    answer.skip(4)
    answer.string()
    answer.skip(4 + 4)
    const errorCode = answer.int16()
    if (errorCode !== 0) throw new Error(`offset of ${topic}-${partition}: error code ${errorCode}`)
    answer.skip(8)
    return answer.int64()
  }

  /** The batches of a partition as they are stored, from its start to its end. */
  async batches(topic: string, partition: number): Promise<StoredBatch[]> {
    const end = await this.endOffset(topic, partition)
    const found: StoredBatch[] = []
    for (let next = await this.startOffset(topic, partition); next < end; ) {
      const records = await this.#fetch(topic, partition, next)
      for (let at = 0; at + 61 <= records.length; ) {
        const sizeBytes = 12 + records.readInt32BE(at + 8)
        if (at + sizeBytes > records.length) break
        const baseOffset = Number(records.readBigInt64BE(at))
        found.push({
          baseOffset,
          codec: codecs[records.readInt16BE(at + 21) & 7]!,
          producerId: Number(records.readBigInt64BE(at + 43)),
          recordCount: records.readInt32BE(at + 57),
          marker: markerAt(records, at),
        })
        next = baseOffset + records.readInt32BE(at + 23) + 1
        at += sizeBytes
      }
    }
    return found
  }

  async #fetch(topic: string, partition: number, offset: number): Promise<Buffer> {
    const writer = new Writer()
      .int32(-1)
      .int32(1000)
      .int32(1)
      .int32(4 << 20)
      .int8(0)
    writer
      .int32(1)
      .string(topic)
      .int32(1)
      .int32(partition)
      .int64(offset)
      .int32(4 << 20)
    const answer = await this.#ask(1, 4, writer)
    answer.skip(4 + 4)
    answer.string()
    answer.skip(4 + 4)
    const errorCode = answer.int16()
    if (errorCode !== 0) throw new Error(`fetching ${topic}-${partition}: error code ${errorCode}`)
    answer.skip(8 + 8)
    answer.array(() => answer.skip(16))
    return answer.bytes()
  }

  async #ask(apiKey: number, apiVersion: number, body: Writer): Promise<Reader> {
    const [host, port] = this.#address.split(':')
    const socket = connect({ host: host!, port: Number(port) })
    try {
      const header = new Writer().int16(apiKey).int16(apiVersion).int32(1).string('probe')
      const request = Buffer.concat([header.take(), body.take()])
      socket.write(Buffer.concat([new Writer().int32(request.length).take(), request]))
      const reader = new Reader(await readFrame(socket))
      reader.skip(4)
      return reader
    } finally {
      socket.destroy()
    }
  }
}

/** Waits for a condition; the deadline is generous, because a busy machine isn't a failure. */
export async function until(
  what: string,
  isTrue: () => boolean | Promise<boolean>,
  timeoutMs = 20_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await isTrue())) {
    if (Date.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function readFrame(socket: Socket): Promise<Buffer> {
  let received = Buffer.alloc(0)
  const closed = once(socket, 'close').then(() => {
    throw new Error('the broker closed the connection')
  })
  closed.catch(() => undefined)
  while (received.length < 4 || received.length < 4 + received.readInt32BE(0)) {
    const [chunk] = await Promise.race([once(socket, 'data'), closed])
    received = Buffer.concat([received, chunk])
  }
  return received.subarray(4)
}

class Writer {
  readonly #parts: Buffer[] = []

  take(): Buffer {
    return Buffer.concat(this.#parts)
  }

  int8(value: number): this {
    return this.#add(1, (part) => part.writeInt8(value))
  }

  int16(value: number): this {
    return this.#add(2, (part) => part.writeInt16BE(value))
  }

  int32(value: number): this {
    return this.#add(4, (part) => part.writeInt32BE(value))
  }

  int64(value: number): this {
    return this.#add(8, (part) => part.writeBigInt64BE(BigInt(value)))
  }

  string(value: string): this {
    this.int16(Buffer.byteLength(value))
    this.#parts.push(Buffer.from(value))
    return this
  }

  #add(size: number, write: (part: Buffer) => void): this {
    const part = Buffer.alloc(size)
    write(part)
    this.#parts.push(part)
    return this
  }
}

class Reader {
  readonly #buffer: Buffer
  #at = 0

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  skip(size: number): void {
    this.#at += size
  }

  int16(): number {
    this.#at += 2
    return this.#buffer.readInt16BE(this.#at - 2)
  }

  int32(): number {
    this.#at += 4
    return this.#buffer.readInt32BE(this.#at - 4)
  }

  int64(): number {
    this.#at += 8
    return Number(this.#buffer.readBigInt64BE(this.#at - 8))
  }

  string(): string | null {
    const length = this.int16()
    if (length < 0) return null
    this.#at += length
    return this.#buffer.toString('utf8', this.#at - length, this.#at)
  }

  bytes(): Buffer {
    const length = Math.max(this.int32(), 0)
    this.#at += length
    return this.#buffer.subarray(this.#at - length, this.#at)
  }

  array(readElement: () => void): void {
    const length = this.int32()
    for (let index = 0; index < length; index++) readElement()
  }
}
