// The consistency token: how far a reader must have read to see certain writes. A short string for a
// header or a cookie; whoever has it needs to know nothing else, and several become one by `mergeTokens`.
//
// Layout: `m1.` and then, in base64url, unsigned LEB128 numbers:
//   log id      how many characters, then each of them
//   topics      how many, then for each, by name:
//     name        how many characters, then each of them
//     partitions  how many, then for each: partition, leader epoch + 1, next offset
// Invariant: one log, each partition once, in order: tokens that say the same are the same string.

import { OlderEpochError, TokenFormatError, TokenSizeError, UnknownLogError } from './errors.ts'
import type { TopicPartition } from './group-member.ts'
import { putVarint, takeVarints } from './varints.ts'

/** A partition read up to `nextOffset` contains the write. */
export interface TokenPosition extends TopicPartition {
  /** -1: the engine has none. */
  readonly leaderEpoch: number
  readonly nextOffset: number
}

export interface Token {
  /** Of the engine's log as a whole: a Kafka cluster's id. Offsets mean nothing in another one. */
  readonly logId: string
  readonly positions: readonly TokenPosition[]
}

/** What a reader's own log is: what tokens are held against. */
export interface TokenLog {
  readonly logId: string
  /** Undefined: it has no such partition. */
  leaderEpochOf(place: TopicPartition): number | undefined
}

const PREFIX = 'm1.'
const MAX_CHARACTERS = 1024

/** @throws TokenSizeError */
export function formatToken({ logId, positions }: Token): string {
  const bytes: number[] = []
  putText(bytes, logId)
  const byTopic = Map.groupBy(greatest(positions), ({ topic }) => topic)
  putVarint(bytes, byTopic.size)
  for (const [topic, ofTopic] of byTopic) {
    putText(bytes, topic)
    putVarint(bytes, ofTopic.length)
    for (const { partition, leaderEpoch, nextOffset } of ofTopic) {
      putVarint(bytes, partition)
      putVarint(bytes, leaderEpoch + 1)
      putVarint(bytes, nextOffset)
    }
  }
  const text = PREFIX + Buffer.from(bytes).toString('base64url')
  if (text.length > MAX_CHARACTERS) throw new TokenSizeError(text.length, MAX_CHARACTERS)
  return text
}

/** @throws TokenFormatError it is none, or of a version that is not known here */
export function parseToken(text: string): Token {
  const body = /^m1\.([\w-]+)$/.exec(text)?.[1]
  if (body === undefined || text.length > MAX_CHARACTERS) throw new TokenFormatError(text)
  const numbers = takeVarints(Buffer.from(body, 'base64url'))
  if (numbers === undefined) throw new TokenFormatError(text)
  const reading = new Reading(numbers)
  const logId = reading.text()
  const positions: TokenPosition[] = []
  for (let topics = reading.number(); topics > 0; topics--) {
    const topic = reading.text()
    for (let partitions = reading.number(); partitions > 0; partitions--) {
      const partition = reading.number()
      const leaderEpoch = reading.number() - 1
      positions.push({ topic, partition, leaderEpoch, nextOffset: reading.number() })
      if (reading.isBeyond) throw new TokenFormatError(text)
    }
    if (reading.isBeyond) throw new TokenFormatError(text)
  }
  if (!reading.isDone || logId === '') throw new TokenFormatError(text)
  return { logId, positions: greatest(positions) }
}

/**
 * What has read up to the result has read up to each of them. Of a partition the greatest position
 * counts, a later leader epoch before an earlier one: what stands there was written after.
 * @throws TokenFormatError, TokenSizeError; UnknownLogError for tokens of two logs
 */
export function mergeTokens(first: string, ...others: readonly string[]): string {
  const tokens = [first, ...others].map(parseToken)
  const { logId } = tokens[0]!
  for (const token of tokens) {
    if (token.logId !== logId) throw new UnknownLogError(token.logId, logId)
  }
  return formatToken({ logId, positions: tokens.flatMap(({ positions }) => positions) })
}

/**
 * What a token asks for, held against the log it is to be waited for in.
 * @throws TokenFormatError, UnknownLogError (another log, or a partition that it has not)
 * @throws OlderEpochError the log went on under a later leader epoch: the offset may mean another record
 */
export function readToken(text: string, log: TokenLog): readonly TokenPosition[] {
  const { logId, positions } = parseToken(text)
  if (logId !== log.logId) throw new UnknownLogError(logId, log.logId)
  for (const position of positions) {
    const current = log.leaderEpochOf(position)
    if (current === undefined) throw new UnknownLogError(logId, log.logId, position)
    if (position.leaderEpoch < current) throw new OlderEpochError(position, current)
  }
  return positions
}

/** Walks through the numbers; beyond their end it reads zeros, and says so. */
class Reading {
  readonly #numbers: readonly number[]
  #at = 0

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers
  }

  get isBeyond(): boolean {
    return this.#at > this.#numbers.length
  }

  get isDone(): boolean {
    return this.#at === this.#numbers.length
  }

  number(): number {
    return this.#numbers[this.#at++] ?? 0
  }

  text(): string {
    const length = this.number()
    const units = this.#numbers.slice(this.#at, this.#at + length)
    this.#at += length
    return units.every((unit) => unit <= 0xffff) ? String.fromCharCode(...units) : ''
  }
}

function putText(bytes: number[], text: string): void {
  putVarint(bytes, text.length)
  for (let at = 0; at < text.length; at++) putVarint(bytes, text.charCodeAt(at))
}

function greatest(positions: readonly TokenPosition[]): readonly TokenPosition[] {
  const byPlace = new Map<string, TokenPosition>()
  for (const position of positions) {
    const place = `${position.topic}/${position.partition}`
    const known = byPlace.get(place)
    if (known === undefined || isGreater(position, known)) byPlace.set(place, position)
  }
  return [...byPlace.values()].sort(inOrder)
}

function isGreater(one: TokenPosition, other: TokenPosition): boolean {
  if (one.leaderEpoch !== other.leaderEpoch) return one.leaderEpoch > other.leaderEpoch
  return one.nextOffset > other.nextOffset
}

function inOrder(one: TopicPartition, other: TopicPartition): number {
  if (one.topic !== other.topic) return one.topic < other.topic ? -1 : 1
  return one.partition - other.partition
}
