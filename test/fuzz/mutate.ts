// Makes a bad frame of a good one, from a seed: bits and bytes flipped, lengths and counts that lie,
// varints that overflow, pieces cut out, doubled, or taken from another frame, another API or version
// in the header. One in eight frames stays as it is, so that what a good frame does is reached too.

export type Random = () => number

const HEADER_BYTES = 8
const INTERESTING_BYTES = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff]
const INTERESTING_INT32 = [0, -1, 1, 2, 255, 65_536, 0x7fff_ffff, -0x8000_0000, 0x7fff_fff0]
const VARINT_OVERFLOW = Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])
const MAX_STEPS = 3
const API_KEYS = 80
const VERSIONS = 16

type Step = (frame: Buffer, random: Random, other: Buffer) => Buffer

/** @param frame without its length @param other a frame to take pieces from */
export function mutate(frame: Buffer, random: Random, other: Buffer): Buffer {
  if (random() < 1 / 8) return Buffer.from(frame)
  let mutated: Buffer = Buffer.from(frame)
  const count = 1 + Math.floor(random() * MAX_STEPS)
  for (let index = 0; index < count; index++) {
    mutated = pick(steps, random)(mutated, random, other)
  }
  return mutated.length >= HEADER_BYTES ? mutated : Buffer.concat([mutated, frame])
}

/** What stands before the frame on the wire: mostly its length, now and then a lie. */
export function lengthPrefix(frame: Buffer, random: Random): Buffer {
  const prefix = Buffer.alloc(4)
  const isLie = random() < 1 / 50
  prefix.writeInt32BE(isLie ? pick(INTERESTING_INT32, random) : frame.length)
  return prefix
}

export function pick<Item>(items: readonly Item[], random: Random): Item {
  return items[Math.floor(random() * items.length)]!
}

const flipBit: Step = (frame, random) => {
  const at = bodyPosition(frame, random)
  frame[at] = frame[at]! ^ (1 << Math.floor(random() * 8))
  return frame
}

const setByte: Step = (frame, random) => {
  frame[bodyPosition(frame, random)] = pick(INTERESTING_BYTES, random)
  return frame
}

const setInt16: Step = (frame, random) => {
  const at = bodyPosition(frame, random)
  if (at + 2 <= frame.length) frame.writeInt16BE((pick(INTERESTING_INT32, random) << 16) >> 16, at)
  return frame
}

const setInt32: Step = (frame, random) => {
  const at = bodyPosition(frame, random)
  if (at + 4 <= frame.length) frame.writeInt32BE(pick(INTERESTING_INT32, random), at)
  return frame
}

const truncate: Step = (frame, random) => frame.subarray(0, bodyPosition(frame, random))

const removePiece: Step = (frame, random) => {
  const at = bodyPosition(frame, random)
  const length = 1 + Math.floor(random() * 16)
  return Buffer.concat([frame.subarray(0, at), frame.subarray(at + length)])
}

const doublePiece: Step = (frame, random) => {
  const at = bodyPosition(frame, random)
  const piece = frame.subarray(at, at + 1 + Math.floor(random() * 64))
  return Buffer.concat([frame.subarray(0, at), piece, frame.subarray(at)])
}

const insertVarint: Step = (frame, random) => {
  const at = bodyPosition(frame, random)
  return Buffer.concat([frame.subarray(0, at), VARINT_OVERFLOW, frame.subarray(at)])
}

const splice: Step = (frame, random, other) => {
  const from = bodyPosition(other, random)
  return Buffer.concat([frame.subarray(0, bodyPosition(frame, random)), other.subarray(from)])
}

const changeVersion: Step = (frame, random) => {
  if (frame.length >= 4) frame.writeInt16BE(Math.floor(random() * VERSIONS) - 1, 2)
  return frame
}

const changeApi: Step = (frame, random) => {
  if (random() < 0.3 && frame.length >= 2) frame.writeInt16BE(Math.floor(random() * API_KEYS), 0)
  return frame
}

const steps: readonly Step[] = [
  ...[flipBit, setByte, setInt16, setInt32, truncate, removePiece],
  ...[doublePiece, insertVarint, splice, changeVersion, changeApi],
]

/** Mostly behind the header: what breaks there is found by the first check already. */
function bodyPosition(frame: Buffer, random: Random): number {
  if (frame.length === 0) return 0
  const from = random() < 0.9 && frame.length > HEADER_BYTES ? HEADER_BYTES : 0
  return from + Math.floor(random() * (frame.length - from))
}
