// What an append over several partitions is made of, and what its parts' answers mean together. Pure.
// Every part is judged in its own partition, at its turn; all of them are kept, or none.

import { partitionOfKey } from '../batch/murmur2.ts'
import type { AppendedStream, StoreOutcome, StoreRefusal, StreamAppend } from './event-store.ts'
import { explainStreamRefusal, type StreamRefusal } from './stream-refusal.ts'

export interface AppendPart {
  readonly partition: number
  readonly appends: StreamAppend[]
  /** Of each of its records: its place among all records of the append. */
  readonly places: number[]
}

/** In the order in which their first streams are named. */
export function partsOf(
  appends: readonly StreamAppend[],
  partitionCount: number,
): readonly AppendPart[] {
  const parts = new Map<number, AppendPart>()
  let place = 0
  for (const append of appends) {
    const partition = partitionOfKey(Buffer.from(append.stream), partitionCount)
    let part = parts.get(partition)
    if (part === undefined) {
      part = { partition, appends: [], places: [] }
      parts.set(partition, part)
    }
    part.appends.push(append)
    for (const _ of append.events) part.places.push(place++)
  }
  return [...parts.values()]
}

/**
 * Event ids come first, as within one partition: what is there already is answered as it was then.
 * @param outcomes of each part
 * @param headOf the version at which a stream stands
 */
export function answerTogether(
  appends: readonly StreamAppend[],
  parts: readonly AppendPart[],
  outcomes: readonly StoreOutcome[],
  { topic, headOf }: { readonly topic: string; readonly headOf: (stream: string) => number },
): StoreOutcome {
  const writing = outcomes.filter((_, i) => parts[i]!.places.length > 0)
  const isAllKnown = writing.length > 0 && writing.every(isKnown)
  if (!isAllKnown) {
    for (const [i, outcome] of outcomes.entries()) {
      if (isKnown(outcome)) return partlyThere(outcome, parts[i]!, topic)
    }
    for (const [i, outcome] of outcomes.entries()) {
      if (outcome.kind === 'refused') return refusedAs(outcome, parts[i]!)
    }
  }
  const all = outcomes.flatMap((outcome) => (outcome.kind === 'appended' ? outcome.streams : []))
  const byStream = new Map(all.map((appended) => [appended.stream, appended]))
  const streams = appends.map(({ stream }): AppendedStream => {
    return byStream.get(stream) ?? { stream, version: headOf(stream), position: undefined }
  })
  return { kind: 'appended', streams, deduplicated: isAllKnown }
}

type Appended = Extract<StoreOutcome, { kind: 'appended' }>

function isKnown(outcome: StoreOutcome): outcome is Appended {
  return outcome.kind === 'appended' && outcome.deduplicated
}

function partlyThere({ streams }: Appended, { places }: AppendPart, topic: string): StoreOutcome {
  const { stream, version } = streams.find(({ position }) => position !== undefined)!
  const reason: StreamRefusal = { kind: 'partly-there', index: places[0]!, stream, version }
  return { kind: 'refused', reason, message: explainStreamRefusal(reason, topic) }
}

/** A part counts its own records. */
function refusedAs(
  outcome: Extract<StoreOutcome, { kind: 'refused' }>,
  { places }: AppendPart,
): StoreOutcome {
  const { reason } = outcome
  if (!hasIndex(reason) || reason.index < 0) return outcome
  return { ...outcome, reason: { ...reason, index: places[reason.index]! } }
}

function hasIndex(reason: StoreRefusal): reason is StreamRefusal {
  return 'index' in reason
}
