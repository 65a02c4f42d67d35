// Writing to an event store, whether by its own port or by an ordinary producer: decided by the streams
// of the partition, then appended, each record with the version it got.

import type { OutgoingRecord } from '../../events/record.ts'
import {
  DuplicateEventError,
  InvalidAppendError,
  StreamBusyError,
  StreamDeletedError,
  WrongExpectedVersionError,
} from '../../transport/errors.ts'
import type { AppendResult, StreamAppend } from '../../transport/event-store.ts'
import { ONLY_EPOCH, type PartitionLog } from './partition-log.ts'
import {
  EXPECTED_VERSION_HEADER,
  explainExpected,
  explainRecord,
  explainStreamName,
  headerOf,
  parseExpected,
  VERSION_HEADER,
  wantedOf,
} from './store-records.ts'
import type { AppendContext, Check, Decision, Refusal, Streams, Wanted } from './streams.ts'
import { OpenTransaction } from './transactions.ts'

const NO_EPOCH = -1

/** A partition of a store: its records, and what is known of their streams. */
export interface StorePartition {
  readonly log: PartitionLog
  readonly streams: Streams
}

/** What an append has for one partition. */
interface Part {
  readonly place: StorePartition
  readonly wanted: Wanted[]
  readonly checks: Check[]
  readonly records: OutgoingRecord[]
}

interface DecidedPart extends Part {
  readonly context: AppendContext
  readonly decision: Decision
}

/** @param placeOf the partition of a stream @throws as `EventStore.append` */
export function appendToStreams(
  topic: string,
  appends: readonly StreamAppend[],
  { placeOf, nowMs }: { placeOf: (stream: string) => StorePartition; nowMs: number },
): AppendResult {
  checkAppends(topic, appends)
  const parts = partsOf(appends, placeOf)
  // Over several partitions it is one transaction, whose markers readers step over.
  const transaction = parts.length > 1 ? new OpenTransaction() : undefined
  const decided = parts.map((part): DecidedPart => {
    const context = { nowMs, baseOffset: part.place.log.endOffset, transaction }
    return {
      ...part,
      context,
      decision: part.place.streams.decide(part.wanted, part.checks, context),
    }
  })
  const refused = whyNone(topic, decided)
  const isKnown = decided.some(({ decision }) => decision.kind === 'duplicate')
  if (refused !== undefined || isKnown) transaction?.end('aborted')
  if (refused !== undefined) throw refused
  if (!isKnown) {
    for (const { place, records, decision, context } of decided) {
      if (decision.kind !== 'append' || records.length === 0) continue
      write(place.log, records, decision.versions, context)
    }
    transaction?.end('committed')
  }
  return resultOf(appends, decided, { placeOf, deduplicated: isKnown })
}

function partsOf(
  appends: readonly StreamAppend[],
  placeOf: (stream: string) => StorePartition,
): readonly Part[] {
  const parts = new Map<PartitionLog, Part>()
  for (const { stream, expectedVersion, records: events } of appends) {
    const place = placeOf(stream)
    const part = parts.get(place.log) ?? { place, wanted: [], checks: [], records: [] }
    parts.set(place.log, part)
    if (events.length === 0) part.checks.push({ stream, expected: expectedVersion })
    for (const [i, event] of events.entries()) {
      part.wanted.push(wantedOf(stream, i === 0 ? expectedVersion : undefined, event))
      part.records.push({ ...event, key: Buffer.from(stream) })
    }
  }
  return [...parts.values()]
}

/** Ids come before everything else: what is there as a whole is no conflict, in whatever partitions. */
function whyNone(topic: string, parts: readonly DecidedPart[]): Error | undefined {
  const writing = parts.filter(({ wanted }) => wanted.length > 0)
  const known = writing.filter(({ decision }) => decision.kind === 'duplicate')
  if (known.length > 0 && known.length === writing.length) return undefined
  for (const { decision, wanted } of known) {
    if (decision.kind !== 'duplicate') continue
    const { version } = decision.events[0]!
    return errorOf(topic, wanted[0]!.stream, { kind: 'partly-there', version })
  }
  for (const { decision } of parts) {
    if (decision.kind === 'refused') return errorOf(topic, decision.stream, decision.refusal)
  }
  return undefined
}

/**
 * What an ordinary producer sends to a store: the key is the stream.
 * @returns the offset of the first record, or of the one that was there already
 */
export function produceToStreams(
  { log, streams }: StorePartition,
  records: readonly OutgoingRecord[],
  { nowMs, transaction }: Omit<AppendContext, 'baseOffset'>,
): number {
  const wanted = records.map((record) => wantedByProducer(log.topic, record))
  const context = { nowMs, baseOffset: log.endOffset, transaction }
  const decision = accepted(log.topic, streams.decide(wanted, [], context))
  if (decision.kind === 'duplicate') return decision.events[0]!.offset
  const plain = records.map((record) => ({
    ...record,
    headers: record.headers.filter(([name]) => name !== EXPECTED_VERSION_HEADER),
  }))
  write(log, plain, decision.versions, context)
  return context.baseOffset
}

function write(
  log: PartitionLog,
  records: readonly OutgoingRecord[],
  versions: readonly number[],
  { nowMs, transaction }: AppendContext,
): void {
  transaction?.wrote(log)
  const numbered = records.map(
    (record, i): OutgoingRecord => ({
      ...record,
      headers: [...record.headers, [VERSION_HEADER, Buffer.from(String(versions[i]))]],
    }),
  )
  log.append(numbered, { nowMs, transaction })
}

function resultOf(
  appends: readonly StreamAppend[],
  parts: readonly DecidedPart[],
  how: { placeOf: (stream: string) => StorePartition; deduplicated: boolean },
): AppendResult {
  const taken = new Map<PartitionLog, number>()
  const streams = appends.map(({ stream, records }) => {
    const place = how.placeOf(stream)
    if (records.length === 0) {
      const { version } = place.streams.head(stream)
      return { stream, version, position: undefined, leaderEpoch: NO_EPOCH }
    }
    const { log } = place
    const last = (taken.get(log) ?? -1) + records.length
    taken.set(log, last)
    const { decision, context } = parts.find((part) => part.place.log === log)!
    const known = decision.kind === 'duplicate' ? decision.events[last]! : undefined
    const version = decision.kind === 'append' ? decision.versions[last]! : known!.version
    const offset = known?.offset ?? context.baseOffset + last
    const { topic, partition } = log
    const position = { topic, partition, offset }
    return { stream, version, position, leaderEpoch: ONLY_EPOCH }
  })
  return { streams, deduplicated: how.deduplicated }
}

/** @throws what the refusal is called in the SDK */
function accepted(store: string, decision: Decision): Exclude<Decision, { kind: 'refused' }> {
  if (decision.kind === 'refused') throw errorOf(store, decision.stream, decision.refusal)
  return decision
}

function errorOf(store: string, stream: string, refusal: Refusal): Error {
  switch (refusal.kind) {
    case 'wrong-version':
      return new WrongExpectedVersionError({
        store,
        stream,
        expectedVersion: refusal.expected,
        actualVersion: refusal.actual,
      })
    case 'tombstoned':
      return new StreamDeletedError(store, stream)
    case 'busy':
      return new StreamBusyError(store, stream)
    case 'partly-there':
      return new DuplicateEventError(
        store,
        stream,
        `an event of the same id is version ${refusal.version}, others are not there.`,
      )
  }
}

function checkAppends(store: string, appends: readonly StreamAppend[]): void {
  const names = new Set<string>()
  if (appends.length === 0) throw new InvalidAppendError(store, 'It names no stream.')
  for (const { stream, expectedVersion, records } of appends) {
    const wrong = names.has(stream)
      ? `Stream ${stream} is named twice: put its events together.`
      : (explainStreamName(stream) ??
        explainExpected(stream, expectedVersion) ??
        records.map((record) => explainOwn(stream, record)).find((text) => text !== undefined))
    if (wrong !== undefined) throw new InvalidAppendError(store, wrong)
    names.add(stream)
  }
}

function explainOwn(stream: string, record: StreamAppend['records'][number]): string | undefined {
  if (headerOf(record.headers, EXPECTED_VERSION_HEADER) !== undefined) {
    return `The header ${EXPECTED_VERSION_HEADER} is for other clients: stream ${stream} has expectedVersion.`
  }
  return explainRecord(stream, record)
}

function wantedByProducer(store: string, record: OutgoingRecord): Wanted {
  const stream = record.key === null ? '' : textOf(record.key)
  const text = headerOf(record.headers, EXPECTED_VERSION_HEADER)
  const expected = text === undefined ? undefined : parseExpected(text)
  const wrong =
    stream === undefined
      ? 'The key of a record names its stream, and this one is not UTF-8.'
      : (explainStreamName(stream) ?? explainRecord(stream, record))
  if (wrong !== undefined) throw new InvalidAppendError(store, wrong)
  if (text !== undefined && expected === undefined) {
    throw new InvalidAppendError(store, `${text} is no expected version.`)
  }
  return wantedOf(stream!, expected, record)
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
