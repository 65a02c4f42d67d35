// Deciding, against a model that is nothing but lists: random appends, conditional and not, sent again,
// in transactions, on streams that are deleted, truncated and tombstoned.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from '../../../test/simulation/seeded-random.ts'
import { type AppendDecision, decideAppend, type WantedRecord } from './decide-append.ts'
import type { ExpectedVersion } from './expected-version.ts'
import { StreamIndex } from './stream-index.ts'

const SEEDS = 150
const STEPS = 300
const NAMES = ['a', 'b', 'c', 'ä', 'a-longer-name']

interface ModelStream {
  ids: string[]
  firstVersion: number
  born: number
  life: 'live' | 'deleted' | 'tombstoned'
}

interface ModelRecord {
  readonly name: string
  readonly id: string
  readonly expected: ExpectedVersion | undefined
  readonly kind: WantedRecord['kind']
  readonly beforeVersion: number | undefined
}

function wanted({ name, id, expected, kind, beforeVersion }: ModelRecord): WantedRecord {
  const bytes = Buffer.from(name)
  const base = { name: bytes, nameStart: 0, nameEnd: bytes.length, kind, expected, beforeVersion }
  return { ...base, id: kind === 'event' ? Buffer.from(id) : undefined }
}

/** Applies one record that was allowed. @returns its version */
function apply(stream: ModelStream, { id, kind, beforeVersion }: ModelRecord): number {
  const next = stream.ids.length
  if (kind === 'event') {
    stream.ids.push(id)
    if (stream.life === 'deleted') stream.life = 'live'
    return next
  }
  if (kind === 'truncated') {
    stream.firstVersion = Math.min(next, Math.max(stream.firstVersion, beforeVersion ?? 0))
  } else Object.assign(stream, { firstVersion: next, born: next, life: kind })
  return next - 1
}

function allows({ ids, life }: ModelStream, expected: ExpectedVersion): boolean {
  if (life === 'tombstoned') return false
  const isThere = ids.length > 0 && life === 'live'
  if (expected === 'any') return true
  if (expected === 'none') return !isThere
  if (expected === 'exists') return isThere
  return ids.length - 1 === expected
}

class Model {
  streams = new Map<string, ModelStream>()

  get(name: string): ModelStream {
    const known = this.streams.get(name)
    if (known !== undefined) return known
    const made: ModelStream = { ids: [], firstVersion: 0, born: 0, life: 'live' }
    this.streams.set(name, made)
    return made
  }

  /** A deep copy, to go back to. */
  copy(): Map<string, ModelStream> {
    return new Map([...this.streams].map(([name, s]) => [name, { ...s, ids: [...s.ids] }]))
  }

  append(records: readonly ModelRecord[]): number[] | undefined {
    const before = this.copy()
    const versions: number[] = []
    for (const record of records) {
      const stream = this.get(record.name)
      const isTwice = record.kind === 'event' && stream.ids.includes(record.id)
      if (isTwice || !allows(stream, record.expected ?? 'any')) {
        this.streams = before
        return undefined
      }
      versions.push(apply(stream, record))
    }
    return versions
  }
}

function decide(
  index: StreamIndex,
  records: readonly ModelRecord[],
  baseOffset: number,
  producerId = -1,
): AppendDecision {
  return decideAppend(index, records.map(wanted), { baseOffset, producerId, windowOffset: 0 })
}

function expectSame(index: StreamIndex, model: Model): void {
  for (const name of NAMES) {
    const bytes = Buffer.from(name)
    const slot = index.streams.find(bytes, 0, bytes.length)
    const stream = model.get(name)
    const head = index.headBelow(slot, Number.MAX_SAFE_INTEGER)
    assert.equal(head.headVersion, stream.ids.length - 1, name)
    assert.equal(head.firstVersion, stream.firstVersion, name)
    assert.equal(head.life, stream.life, name)
    for (const [version, id] of stream.ids.entries()) {
      const hash = index.idOf(index.streams.hashOf(slot), Buffer.from(id), 0, id.length)
      assert.notEqual(index.hasIdAt(slot, version, hash), undefined, `${name} ${version}`)
      assert.equal(index.findId(slot, hash, 0)?.version, version)
    }
  }
}

describe('deciding on appends', () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    it(`does what a model of plain lists does (seed ${seed})`, () => {
      const random = new SeededRandom(seed)
      const index = new StreamIndex({ names: seed, idHigh: seed * 3, idLow: seed * 5 })
      const model = new Model()
      const accepted: ModelRecord[][] = []
      let offset = random.below(100_000)
      let nextId = 0

      const randomRecord = (mayNotice: boolean): ModelRecord => {
        const name = random.pick(NAMES)
        const length = model.get(name).ids.length
        const lot = random.below(10)
        const guess = random.below(3) === 0 ? random.below(length + 2) : Math.max(0, length - 1)
        const expected = ([undefined, 'any', 'none', 'exists', guess, guess] as const)[
          random.below(6)
        ]
        const notice = lot === 0 ? 'deleted' : lot === 1 ? 'truncated' : undefined
        const isTombstone = mayNotice && random.below(200) === 0
        const kind = isTombstone ? 'tombstoned' : (mayNotice && notice) || 'event'
        const beforeVersion = kind === 'truncated' ? random.below(length + 3) : undefined
        return { name, id: `e${nextId++}`, expected, kind, beforeVersion }
      }

      for (let step = 0; step < STEPS; step++) {
        const lot = random.below(10)
        const old = accepted.length > 0 ? random.pick(accepted) : undefined
        if (lot === 0 && old !== undefined) {
          const decision = decide(index, old, offset)
          assert.equal(decision.kind, 'duplicate', JSON.stringify(decision))
        } else if (lot === 1 && old !== undefined) {
          const mixed = [...old, { ...randomRecord(false), expected: undefined }]
          assert.equal(decide(index, mixed, offset).kind, 'partly-there')
        } else {
          const isTransaction = lot === 2
          const isAbort = random.below(2) === 0
          const before = isTransaction && isAbort ? model.copy() : undefined
          const records = Array.from({ length: 1 + random.below(4) }, () => randomRecord(true))
          const versions = model.append(records)
          const decision = decide(index, records, offset, isTransaction ? 9 : -1)
          if (versions === undefined) assert.notEqual(decision.kind, 'append')
          else {
            assert.deepEqual(decision, { kind: 'append', versions })
            const isKept = before === undefined
            if (isKept && records.every(({ kind }) => kind === 'event')) accepted.push(records)
            if (!isTransaction && random.below(8) === 0) {
              // The disk was full: all of it is taken back, and appended once more.
              index.undoFrom(offset)
              assert.deepEqual(decide(index, records, offset), { kind: 'append', versions })
            }
            offset += records.length
          }
          if (isTransaction && versions !== undefined) {
            const stolen = decide(index, [records[0]!], offset)
            assert.equal(stolen.kind, 'busy')
            index.end(9, isAbort)
            offset += 1
            if (before !== undefined) model.streams = before
          }
        }
        if (random.below(5) === 0) index.forgetUndo(offset)
      }

      expectSame(index, model)
    })
  }

  it('finds ids of `any` within the window only, exact ones for ever', () => {
    const index = new StreamIndex({ names: 1, idHigh: 2, idLow: 3 })
    const first = { name: 'a', id: 'e1', kind: 'event', beforeVersion: undefined } as const
    decide(index, [{ ...first, expected: 'none' }], 10)
    const late = { baseOffset: 20, producerId: -1, windowOffset: 15 }

    const exact = decideAppend(index, [wanted({ ...first, expected: 'none' })], late)
    const any = decideAppend(index, [wanted({ ...first, expected: 'any' })], late)

    assert.equal(exact.kind, 'duplicate')
    assert.deepEqual(any, { kind: 'append', versions: [1] })
  })

  it('reaches any version of a long stream in few steps', () => {
    const index = new StreamIndex({ names: 1, idHigh: 2, idLow: 3 })
    const count = 100_000
    for (let i = 0; i < count; i++) {
      const id = `e${i}`
      decide(
        index,
        [{ name: 'a', id, expected: undefined, kind: 'event', beforeVersion: undefined }],
        3 * i,
      )
    }
    const head = index.headBelow(0, Number.MAX_SAFE_INTEGER)

    for (let version = 0; version < count; version += 977) {
      assert.equal(index.offsetOf(head, version), 3 * version)
    }
  })
})
