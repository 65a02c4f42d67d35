// A declared message: its name, versions and fields, with readers and writers that are compiled
// once per version on first use. What a frame gets wrong surfaces as a ProtocolError that names
// message, version and field; what a caller gets wrong when writing is an EncodeError.
// Invariant: what `read` yields, `write` turns into the same bytes (unknown tags aside).

import { DecodeError, Reader } from '../bytes/reader.ts'
import { Writer } from '../bytes/writer.ts'
import { compileStruct, EncodeError, type StructCodec } from './compile.ts'
import type { Fields, Infer, InferInput } from './field.ts'
import type { Turns } from './turns.ts'

/** The bytes are not the message they should be. `path` says where: `topics[0].partitions[3]`. */
export class ProtocolError extends DecodeError {
  readonly messageName: string
  readonly version: number

  constructor(messageName: string, version: number, cause: DecodeError) {
    const where = cause.path === '' ? '' : ` ${cause.path}:`
    super(
      `${messageName} v${version}:${where} ${cause.message} at byte ${cause.position}`,
      cause.position,
    )
    this.messageName = messageName
    this.version = version
    this.path = cause.path
  }
}

export interface MessageDeclaration<F extends Fields> {
  /** Kafka's name, `FetchRequest`. */
  readonly name: string
  /** First and last, inclusive. */
  readonly versions: readonly [first: number, last: number]
  /** The first version with compact lengths and tagged fields (KIP-482). */
  readonly flexibleFrom: number | 'never'
  readonly fields: F
}

export class Message<F extends Fields> {
  readonly name: string
  readonly versions: readonly [first: number, last: number]
  readonly flexibleFrom: number | 'never'
  readonly fields: F
  readonly #codecs: StructCodec[] = []

  constructor(declaration: MessageDeclaration<F>) {
    this.name = declaration.name
    this.versions = declaration.versions
    this.flexibleFrom = declaration.flexibleFrom
    this.fields = declaration.fields
  }

  has(version: number): boolean {
    return version >= this.versions[0] && version <= this.versions[1]
  }

  isFlexible(version: number): boolean {
    return this.flexibleFrom !== 'never' && version >= this.flexibleFrom
  }

  /**
   * Reads one message and leaves the reader behind it. Byte fields are views of the frame.
   * @throws ProtocolError when the bytes do not hold it
   * @throws RangeError when there is no such version: callers check `has` first
   */
  read(reader: Reader, version: number): Infer<F> {
    try {
      return this.#codec(version).read(reader) as Infer<F>
    } catch (error) {
      throw this.#unreadable(error, version)
    }
  }

  /** As `read`, for a message that may be long. */
  async readInTurns(reader: Reader, version: number, turns: Turns): Promise<Infer<F>> {
    const { inTurns } = this.#codec(version)
    if (inTurns === undefined) return this.read(reader, version)
    try {
      return (await inTurns.read(reader, turns)) as Infer<F>
    } catch (error) {
      throw this.#unreadable(error, version)
    }
  }

  /**
   * Writes one message. Fields that `version` does not have are ignored.
   * @throws EncodeError, a TypeError, when a field is missing or its type cannot hold it: a bug
   */
  write(writer: Writer, version: number, value: InferInput<F>): void {
    try {
      this.#codec(version).write(writer, value as Readonly<Record<string, unknown>>)
    } catch (error) {
      throw this.#unwritable(error, version)
    }
  }

  /** As `write`, for a message that may be long. */
  async writeInTurns(
    writer: Writer,
    version: number,
    value: InferInput<F>,
    turns: Turns,
  ): Promise<void> {
    const { inTurns } = this.#codec(version)
    if (inTurns === undefined) return this.write(writer, version, value)
    try {
      await inTurns.write(writer, value as Readonly<Record<string, unknown>>, turns)
    } catch (error) {
      throw this.#unwritable(error, version)
    }
  }

  /** Whether the value has more array elements than so many, those inside of others included. */
  hasMoreElements(than: number, version: number, value: InferInput<F>): boolean {
    const { inTurns } = this.#codec(version)
    if (inTurns === undefined) return false
    return inTurns.countElements(value as Readonly<Record<string, unknown>>, than) > than
  }

  #unreadable(error: unknown, version: number): unknown {
    if (!(error instanceof DecodeError)) return error
    return new ProtocolError(this.name, version, error)
  }

  #unwritable(error: unknown, version: number): unknown {
    if (!(error instanceof EncodeError)) return error
    const message = `${this.name} v${version}: ${error.path}: ${error.message}`
    return new EncodeError(message, { cause: error })
  }

  #codec(version: number): StructCodec {
    const known = this.#codecs[version]
    if (known !== undefined) return known
    if (!this.has(version)) throw new RangeError(`${this.name} has no version ${version}`)
    const codec = compileStruct(this.fields, version, this.isFlexible(version))
    this.#codecs[version] = codec
    return codec
  }
}

export function defineMessage<F extends Fields>(declaration: MessageDeclaration<F>): Message<F> {
  return new Message(declaration)
}

/** The int16 in front of a message that is stored with its version (keys and values of records). */
export function readVersion(buffer: Buffer): number {
  return new Reader(buffer).int16()
}

/**
 * Reads an int16 version and the message of that version behind it.
 * @throws ProtocolError when the version is not declared or the bytes do not hold it
 */
export function decodeVersioned<F extends Fields>(
  message: Message<F>,
  buffer: Buffer,
): { version: number; value: Infer<F> } {
  const reader = new Reader(buffer)
  const version = reader.int16()
  if (!message.has(version)) {
    throw new ProtocolError(message.name, version, new DecodeError('unknown version', 0))
  }
  return { version, value: message.read(reader, version) }
}

export function encodeVersioned<F extends Fields>(
  message: Message<F>,
  version: number,
  value: InferInput<F>,
): Buffer {
  const writer = new Writer()
  writer.int16(version)
  message.write(writer, version, value)
  return writer.toBuffer()
}
