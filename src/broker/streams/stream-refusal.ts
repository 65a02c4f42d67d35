// Why records were not appended, in a sentence for a person.

import type { ExpectedVersion, StreamLife } from './expected-version.ts'

export type StreamRefusal =
  | {
      readonly kind: 'wrong-version'
      /** Of the record; -1 for a check. */
      readonly index: number
      readonly stream: string
      readonly expected: ExpectedVersion
      readonly actual: number
      readonly life: StreamLife
    }
  | { readonly kind: 'tombstoned'; readonly index: number; readonly stream: string }
  /** Some of the records are in their streams already, not all; or one is in the batch twice. */
  | {
      readonly kind: 'partly-there'
      readonly index: number
      readonly stream: string
      readonly version: number
    }
  /** Another producer's open transaction has written to it. */
  | { readonly kind: 'busy'; readonly index: number; readonly stream: string }
  /** It has as many events as can be numbered. */
  | { readonly kind: 'full'; readonly index: number; readonly stream: string }

export function explainStreamRefusal(refusal: StreamRefusal, store: string): string {
  const stream = `Stream ${refusal.stream} of store ${store}`
  switch (refusal.kind) {
    case 'tombstoned':
      return `${stream} is tombstoned: nothing can be appended to it any more.`
    case 'busy':
      return `${stream} has records of another producer's open transaction: try again when it has ended.`
    case 'full':
      return `${stream} has as many events as a stream can have.`
    case 'partly-there':
      return `An event of this id is ${stream.replace('Stream', 'in stream')} already, as version ${refusal.version}, but not all of the events of this append are: send them as they were sent first, or give new events ids of their own.`
    case 'wrong-version':
      return `${stream} ${actualOf(refusal)}, expected ${expectedOf(refusal)}: reload and decide again.`
  }
}

type WrongVersion = Extract<StreamRefusal, { kind: 'wrong-version' }>

function actualOf({ actual, life }: WrongVersion): string {
  if (life !== 'live') return `is ${life}, at version ${actual}`
  return actual < 0 ? 'has no events' : `is at version ${actual}`
}

function expectedOf({ expected }: WrongVersion): string {
  if (expected === 'none') return 'no events'
  return expected === 'exists' ? 'at least one event' : `${expected}`
}
