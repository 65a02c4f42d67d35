// Turns declared fields into a reader and a writer for one version: a flat list of steps in wire
// order, with nothing left to decide about versions, nullability or flexibility when they run.
// Source: the protocol guide; KIP-482 (compact lengths, tagged fields), KIP-893 (null structs).
//
//             not flexible                flexible
//   string    int16 length, -1 null       uvarint length + 1, 0 null
//   bytes     int32 length, -1 null       uvarint length + 1, 0 null
//   array     int32 count, -1 null        uvarint count + 1, 0 null
//   struct    its fields                  its fields, uvarint count of tags, { uvarint tag,
//                                         uvarint size, bytes } in ascending order of tag

import { DecodeError, type Reader } from '../bytes/reader.ts'
import { Writer } from '../bytes/writer.ts'
import { type Field, type Fields, includes } from './field.ts'
import {
  type Codec,
  checkNull,
  type Form,
  type InTurns,
  readLength,
  scalarCodec,
  writeLength,
  zeroOf,
} from './scalars.ts'

type AnyField = Field<unknown, unknown, boolean>
type Values = Readonly<Record<string, unknown>>

export interface StructCodec extends Codec<Values> {
  /** What a reader yields when nothing was sent: every field's default. */
  readonly defaults: Values
}

/** @throws RangeError when the declaration contradicts itself */
export function compileStruct(fields: Fields, version: number, isFlexible: boolean): StructCodec {
  const names: string[] = []
  const codecs: Codec<unknown>[] = []
  const fallbacks: unknown[] = []
  const tagged: TaggedField[] = []
  const defaults: Record<string, unknown> = {}
  let minBytes = isFlexible ? 1 : 0
  for (const [name, field] of Object.entries(fields)) {
    const defaultValue = defaultOf(field, version, isFlexible)
    defaults[name] = defaultValue
    if (!includes(field.versions, version)) continue
    const codec = fieldCodec(field, version, isFlexible)
    if (field.tag !== undefined) {
      tagged.push(taggedField(name, field.tag, codec, defaultValue))
      continue
    }
    names.push(name)
    codecs.push(codec)
    fallbacks.push(field.default === undefined ? undefined : defaultValue)
    minBytes += codec.minBytes
  }
  if (tagged.length > 0 && !isFlexible) throw new RangeError('Only flexible versions have tags')
  tagged.sort((a, b) => a.tag - b.tag)
  const tags = isFlexible ? tagSection(tagged) : undefined
  return structCodec({
    names,
    codecs,
    fallbacks,
    tags,
    defaults: Object.freeze(defaults),
    minBytes,
  })
}

interface StructPlan {
  /** Names, codecs and what stands for a missing value, side by side in wire order. */
  readonly names: readonly string[]
  readonly codecs: readonly Codec<unknown>[]
  readonly fallbacks: readonly unknown[]
  readonly tags: TagSection | undefined
  readonly defaults: Values
  readonly minBytes: number
}

function structCodec(plan: StructPlan): StructCodec {
  const { names, codecs, fallbacks, tags, defaults, minBytes } = plan
  const fieldCount = names.length
  return {
    minBytes,
    defaults,
    inTurns: codecs.some(({ inTurns }) => inTurns !== undefined) ? structInTurns(plan) : undefined,
    read(reader) {
      // The defaults give the object all its fields, and so its shape, in one step.
      const value: Record<string, unknown> = { ...defaults }
      let index = 0
      try {
        for (; index < fieldCount; index++) value[names[index]!] = codecs[index]!.read(reader)
        tags?.read(reader, value)
      } catch (error) {
        throw within(error, index < fieldCount ? names[index]! : '')
      }
      return value
    },
    write(writer, value) {
      let index = 0
      try {
        for (; index < fieldCount; index++) {
          const given = value[names[index]!]
          codecs[index]!.write(writer, given === undefined ? required(fallbacks[index]) : given)
        }
        tags?.write(writer, value)
      } catch (error) {
        throw within(error, index < fieldCount ? names[index]! : '')
      }
    },
  }
}

/** Kept apart from the way in one go, which is the hot one. */
function structInTurns({ names, codecs, fallbacks, tags, defaults }: StructPlan): InTurns<Values> {
  const longOnes = names.flatMap((name, index) => {
    const { inTurns } = codecs[index]!
    return inTurns === undefined ? [] : [{ name, inTurns }]
  })
  return {
    async read(reader, turns) {
      const value: Record<string, unknown> = { ...defaults }
      let step = ''
      try {
        for (const [index, { read, inTurns }] of codecs.entries()) {
          step = names[index]!
          value[step] = inTurns === undefined ? read(reader) : await inTurns.read(reader, turns)
        }
        step = ''
        tags?.read(reader, value)
      } catch (error) {
        throw within(error, step)
      }
      return value
    },
    async write(writer, value, turns) {
      let step = ''
      try {
        for (const [index, { write, inTurns }] of codecs.entries()) {
          step = names[index]!
          const given = value[step] ?? (value[step] === null ? null : required(fallbacks[index]))
          if (inTurns === undefined) write(writer, given)
          else await inTurns.write(writer, given, turns)
        }
        step = ''
        tags?.write(writer, value)
      } catch (error) {
        throw within(error, step)
      }
    },
    countElements(value, most) {
      let count = 0
      for (const { name, inTurns } of longOnes) {
        if (count > most) break
        if (value[name] !== undefined) count += inTurns.countElements(value[name], most - count)
      }
      return count
    },
  }
}

function required(fallback: unknown): unknown {
  if (fallback === undefined) throw new TypeError('missing, and it has no default')
  return fallback
}

interface TagSection {
  read(reader: Reader, into: Record<string, unknown>): void
  write(writer: Writer, value: Values): void
}

interface TaggedField {
  readonly tag: number
  readonly name: string
  readonly codec: Codec<unknown>
  readonly isDefault: (value: unknown) => boolean
}

/** `uvarint count`, then the fields that differ from their default in ascending order of tag. */
function tagSection(fields: readonly TaggedField[]): TagSection {
  const byTag = new Map(fields.map((field) => [field.tag, field]))
  return {
    read(reader, into) {
      const count = reader.uvarint()
      if (count === 0) return
      reader.claimElements(count, 2)
      for (let index = 0; index < count; index++) {
        const field = byTag.get(reader.uvarint())
        const size = reader.uvarint()
        if (field === undefined) reader.skip(size)
        else into[field.name] = readTagged(reader, field, size)
      }
    },
    write(writer, value) {
      let present = 0
      for (const { name, isDefault } of fields) if (!isDefault(value[name])) present++
      writer.uvarint(present)
      if (present === 0) return
      for (const field of fields) {
        const given = value[field.name]
        if (!field.isDefault(given)) writeTagged(writer, field, given)
      }
    },
  }
}

function readTagged(reader: Reader, field: TaggedField, size: number): unknown {
  const start = reader.position
  try {
    if (size > reader.remaining) {
      throw new DecodeError(`needs ${size} bytes, ${reader.remaining} are left`, start)
    }
    const value = field.codec.read(reader)
    if (reader.position === start + size) return value
    throw new DecodeError(`is ${reader.position - start} bytes long, not ${size}`, start)
  } catch (error) {
    throw within(error, field.name)
  }
}

function writeTagged(writer: Writer, field: TaggedField, value: unknown): void {
  const content = new Writer()
  try {
    field.codec.write(content, value)
  } catch (error) {
    throw within(error, field.name)
  }
  writer.uvarint(field.tag)
  writer.uvarint(content.length)
  writer.bytes(content.toBuffer())
}

function fieldCodec(field: AnyField, version: number, isFlexible: boolean): Codec<unknown> {
  const form = { isNullable: includes(field.nullable, version), isFlexible }
  if (field.kind === 'array') return arrayCodec(elementCodec(field, version, isFlexible), form)
  if (field.kind !== 'struct') return scalarCodec(field.kind, form)
  const inner = elementCodec(field, version, isFlexible)
  if (!form.isNullable) return inner
  return nullableStructCodec(inner, field.tag === undefined ? NULL_STRUCT : NULL_TAGGED_STRUCT)
}

function elementCodec(field: AnyField, version: number, isFlexible: boolean): Codec<unknown> {
  const { element } = field
  if (element === undefined) throw new RangeError(`An ${field.kind} without its element`)
  if (typeof element === 'object') return compileStruct(element, version, isFlexible)
  return scalarCodec(element, { isNullable: false, isFlexible })
}

function arrayCodec(element: Codec<unknown>, form: Form): Codec<readonly unknown[] | null> {
  // An element of no bytes would make a count unbounded; none is declared.
  if (element.minBytes === 0) throw new RangeError('An array whose elements take no bytes')
  return {
    inTurns: arrayInTurns(element, form),
    minBytes: form.isFlexible ? 1 : 4,
    read(reader) {
      const count = readLength(reader, form)
      if (count === -1) return null
      reader.claimElements(count, element.minBytes)
      const values: unknown[] = []
      let index = 0
      try {
        for (; index < count; index++) values.push(element.read(reader))
      } catch (error) {
        throw within(error, `[${index}]`)
      }
      return values
    },
    write(writer, values) {
      if (values === null) {
        checkNull(form)
        writeLength(writer, form, -1)
        return
      }
      writeLength(writer, form, values.length)
      let index = 0
      try {
        for (; index < values.length; index++) element.write(writer, values[index])
      } catch (error) {
        throw within(error, `[${index}]`)
      }
    },
  }
}

function arrayInTurns(element: Codec<unknown>, form: Form): InTurns<readonly unknown[] | null> {
  const { inTurns } = element
  return {
    async read(reader, turns) {
      const count = readLength(reader, form)
      if (count === -1) return null
      reader.claimElements(count, element.minBytes)
      const values: unknown[] = []
      let index = 0
      try {
        for (; index < count; index++) {
          values.push(inTurns ? await inTurns.read(reader, turns) : element.read(reader))
          if (turns.isOver(reader.position)) await turns.next(reader.position)
        }
      } catch (error) {
        throw within(error, `[${index}]`)
      }
      return values
    },
    async write(writer, values, turns) {
      if (values === null) {
        checkNull(form)
        writeLength(writer, form, -1)
        return
      }
      writeLength(writer, form, values.length)
      let index = 0
      try {
        for (; index < values.length; index++) {
          if (inTurns) await inTurns.write(writer, values[index], turns)
          else element.write(writer, values[index])
          if (turns.isOver(writer.length)) await turns.next(writer.length)
        }
      } catch (error) {
        throw within(error, `[${index}]`)
      }
    },
    countElements(values, most) {
      let count = values?.length ?? 0
      if (inTurns === undefined || values === null) return count
      for (const value of values) {
        if (count > most) break
        count += inTurns.countElements(value, most - count)
      }
      return count
    },
  }
}

/** What stands for null in the byte before a struct; a tagged field has another one. */
const NULL_STRUCT = -1
const NULL_TAGGED_STRUCT = 0

function nullableStructCodec(inner: Codec<unknown>, nullByte: number): Codec<unknown> {
  return {
    minBytes: 1,
    read: (reader) => (reader.int8() <= nullByte ? null : inner.read(reader)),
    write(writer, value) {
      writer.int8(value === null ? nullByte : 1)
      if (value !== null) inner.write(writer, value)
    },
  }
}

/** Frozen where it is an object, because every message that lacks the field shares it. */
function defaultOf(field: AnyField, version: number, isFlexible: boolean): unknown {
  if (field.default !== undefined) return field.default
  if (field.kind === 'array') return NO_ELEMENTS
  if (field.kind !== 'struct') return zeroOf(field.kind)
  if (typeof field.element !== 'object') throw new RangeError('A struct without its fields')
  return compileStruct(field.element, version, isFlexible).defaults
}

const NO_ELEMENTS: readonly never[] = Object.freeze([])

function taggedField(
  name: string,
  tag: number,
  codec: Codec<unknown>,
  defaultValue: unknown,
): TaggedField {
  const isDefault = (value: unknown) => value === undefined || isSame(value, defaultValue)
  return { tag, name, codec, isDefault }
}

/** Does `value` mean the default? A struct field that was left out counts as its default. */
function isSame(value: unknown, defaultValue: unknown): boolean {
  if (value === defaultValue) return true
  if (value === null || defaultValue === null) return false
  if (typeof value !== 'object' || typeof defaultValue !== 'object') return false
  if (Array.isArray(value)) return value.length === 0
  if (Buffer.isBuffer(value)) return value.length === 0
  return Object.entries(defaultValue).every(([name, fallback]) => {
    const given: unknown = Reflect.get(value, name)
    return given === undefined || isSame(given, fallback)
  })
}

/** A value that cannot be written. `path` says which: `topics[0].partitions[3].offset`. */
export class EncodeError extends TypeError {
  override readonly name = 'EncodeError'
  path = ''
}

/** Puts the name of a field or index in front of the path of what went wrong inside it. */
function within(error: unknown, step: string): unknown {
  const located = error instanceof DecodeError ? error : asEncodeError(error)
  if (located === undefined || step === '') return error
  const needsDot = located.path !== '' && !located.path.startsWith('[')
  located.path = needsDot ? `${step}.${located.path}` : `${step}${located.path}`
  return located
}

/** Only what a wrong value provokes is located; anything else is a bug and passes as it is. */
function asEncodeError(error: unknown): EncodeError | undefined {
  if (error instanceof EncodeError) return error
  if (!(error instanceof TypeError || error instanceof RangeError)) return undefined
  return new EncodeError(error.message, { cause: error })
}
