// How each scalar type is read and written, by nullability and flexibility. See compile.ts for the
// table of lengths. A null where none is allowed, or a length beyond the frame, is a DecodeError.

import { DecodeError, type Reader } from '../bytes/reader.ts'
import { ZERO_UUID } from '../bytes/uuid.ts'
import type { Writer } from '../bytes/writer.ts'
import type { ScalarKind, ScalarValues } from './field.ts'
import type { Turns } from './turns.ts'

export interface Codec<Value> {
  /** The least a value takes on the wire; bounds how many elements a frame can hold. */
  readonly minBytes: number
  read(reader: Reader): Value
  write(writer: Writer, value: Value): void
  /** Only what can be long: arrays, and structs that have some. */
  readonly inTurns?: InTurns<Value> | undefined
}

/** The same bytes and errors, with turns for everybody else in between. */
export interface InTurns<Value> {
  read(reader: Reader, turns: Turns): Promise<Value>
  write(writer: Writer, value: Value, turns: Turns): Promise<void>
  /** Array elements in the value, at all depths; the count stops beyond `most`. */
  countElements(value: Value, most: number): number
}

export interface Form {
  readonly isNullable: boolean
  readonly isFlexible: boolean
}

type VariableKind = 'string' | 'bytes' | 'records'
type FixedKind = Exclude<ScalarKind, VariableKind>

const fixedCodecs: { readonly [Kind in FixedKind]: Codec<ScalarValues[Kind]> } = {
  bool: {
    minBytes: 1,
    read: (reader) => reader.boolean(),
    write: (writer, value) => writer.boolean(value),
  },
  int8: {
    minBytes: 1,
    read: (reader) => reader.int8(),
    write: (writer, value) => writer.int8(value),
  },
  int16: {
    minBytes: 2,
    read: (reader) => reader.int16(),
    write: (writer, value) => writer.int16(value),
  },
  uint16: {
    minBytes: 2,
    read: (reader) => reader.uint16(),
    write: (writer, value) => writer.uint16(value),
  },
  int32: {
    minBytes: 4,
    read: (reader) => reader.int32(),
    write: (writer, value) => writer.int32(value),
  },
  int64: {
    minBytes: 8,
    read: (reader) => reader.int64(),
    write: (writer, value) => writer.int64(value),
  },
  saturatingInt64: {
    minBytes: 8,
    read: (reader) => reader.saturatingInt64(),
    write: (writer, value) => writer.saturatingInt64(value),
  },
  float64: {
    minBytes: 8,
    read: (reader) => reader.float64(),
    write: (writer, value) => writer.float64(value),
  },
  uuid: {
    minBytes: 16,
    read: (reader) => reader.uuid(),
    write: (writer, value) => writer.uuid(value),
  },
}

/** The longest string whose length fits the int16 in front of it; Kafka keeps it for compact ones. */
const MAX_STRING_BYTES = 0x7fff

/** @throws RangeError when a fixed-size type is declared nullable: the wire has no null for it */
export function scalarCodec(kind: ScalarKind, form: Form): Codec<unknown> {
  if (kind === 'string') return stringCodec(form)
  if (kind === 'bytes' || kind === 'records') return bytesCodec(form)
  if (form.isNullable) throw new RangeError(`A field of type ${kind} cannot be null`)
  return fixedCodecs[kind]
}

export function zeroOf(kind: ScalarKind): unknown {
  if (kind === 'string') return ''
  if (kind === 'bytes' || kind === 'records') return NO_BYTES
  if (kind === 'bool') return false
  return kind === 'uuid' ? ZERO_UUID : 0
}

const NO_BYTES = Buffer.alloc(0)

/** The count or length in front of an array, -1 for null. */
export function readLength(reader: Reader, form: Form): number {
  const at = reader.position
  const length = form.isFlexible ? reader.uvarint() - 1 : reader.int32()
  return checkLength(length, form, at)
}

function checkLength(length: number, form: Form, at: number): number {
  if (length >= 0) return length
  if (length < -1) throw new DecodeError(`negative length ${length}`, at)
  if (!form.isNullable) throw new DecodeError('null where none is allowed', at)
  return -1
}

export function writeLength(writer: Writer, form: Form, length: number): void {
  if (form.isFlexible) writer.uvarint(length + 1)
  else writer.int32(length)
}

/** @throws TypeError unless null is allowed */
export function checkNull(form: Form): void {
  if (!form.isNullable) throw new TypeError('null where none is allowed')
}

function stringCodec(form: Form): Codec<string | null> {
  const readStringLength = (reader: Reader): number => {
    const at = reader.position
    const length = form.isFlexible ? reader.uvarint() - 1 : reader.int16()
    return checkLength(length, form, at)
  }
  const writeStringLength = (writer: Writer, length: number): void => {
    if (form.isFlexible) writer.uvarint(length + 1)
    else writer.int16(length)
  }
  return {
    minBytes: form.isFlexible ? 1 : 2,
    read(reader) {
      const length = readStringLength(reader)
      return length === -1 ? null : reader.string(length)
    },
    write(writer, value) {
      if (value === null) {
        checkNull(form)
        writeStringLength(writer, -1)
        return
      }
      const length = Buffer.byteLength(value)
      if (length > MAX_STRING_BYTES) throw new RangeError(`a string of ${length} bytes is too long`)
      writeStringLength(writer, length)
      writer.utf8(value, length)
    },
  }
}

function bytesCodec(form: Form): Codec<Buffer | null> {
  return {
    minBytes: form.isFlexible ? 1 : 4,
    read(reader) {
      const length = readLength(reader, form)
      return length === -1 ? null : reader.bytes(length)
    },
    write(writer, value) {
      if (value === null) {
        checkNull(form)
        writeLength(writer, form, -1)
        return
      }
      writeLength(writer, form, value.length)
      writer.bytes(value)
    },
  }
}
