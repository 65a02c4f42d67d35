// Makes a state of a stream's events, from a snapshot on where there is one.
// Invariant: the state is what all readable events of the stream give, snapshot or not. A snapshot counts
// only when its stream still has the event that it ends with and still begins where it began: after
// a restore, a deletion or a truncation it does not, and everything is read again.

import { describeIssues } from '../events/errors.ts'
import { whatJsonCannotCarry } from '../events/json-value.ts'
import { eventIdOf } from '../events/stored-event.ts'
import { SnapshotNotKeptError } from '../transport/errors.ts'
import type {
  EventStore,
  ExpectedVersion,
  StoredRecord,
  StreamHead,
} from '../transport/event-store.ts'

export interface Folded<State> {
  readonly state: State
  /** Of the stream's newest event; -1 when it never had one. */
  readonly version: number
  /** For an append that was decided on this state. */
  readonly expectedVersion: ExpectedVersion
}

/** @internal */
export interface FoldOptions<State> {
  readonly initialState: State
  readonly evolve: (state: State, record: StoredRecord) => State
  readonly snapshot: SnapshotOptions | undefined
  /** The state is right all the same. */
  readonly onNotKept: (error: SnapshotNotKeptError) => void
}

interface SnapshotOptions {
  readonly name: string
  readonly every: number
  /** Snapshots of another one are not looked at. */
  readonly definition: string
}

/** As it is stored, in JSON. */
interface Snapshot<State> {
  readonly definition: string
  readonly firstVersion: number
  /** Of the last event in it. */
  readonly version: number
  readonly eventId: string
  readonly state: State
}

/** @internal */
export async function foldStream<State>(
  store: EventStore,
  stream: string,
  options: FoldOptions<State>,
): Promise<Folded<State>> {
  const { snapshot } = options
  const saved = snapshot && (await load<State>(store, stream, snapshot))
  const folded = saved && (await foldFrom(store, stream, options, saved))
  return folded ?? (await foldAll(store, stream, options))
}

async function foldAll<State>(
  store: EventStore,
  stream: string,
  options: FoldOptions<State>,
): Promise<Folded<State>> {
  const read = store.readStream(stream)
  const head = await read.head
  const fold = new Fold(options, options.initialState)
  for await (const record of read) fold.add(record)
  return fold.end(store, stream, head)
}

/** @returns undefined when the snapshot is none of this stream as it is */
async function foldFrom<State>(
  store: EventStore,
  stream: string,
  options: FoldOptions<State>,
  saved: Snapshot<State>,
): Promise<Folded<State> | undefined> {
  const read = store.readStream(stream, { from: saved.version })
  const head = await read.head
  if (head.firstVersion !== saved.firstVersion || head.version < saved.version) return undefined
  const fold = new Fold(options, saved.state)
  let isOfThisStream = false
  for await (const record of read) {
    if (isOfThisStream) fold.add(record)
    else if (record.version !== saved.version || eventIdOf(record) !== saved.eventId)
      return undefined
    else isOfThisStream = true
  }
  return isOfThisStream ? fold.end(store, stream, head) : undefined
}

/** On its way through a stream. */
class Fold<State> {
  readonly #options: FoldOptions<State>
  #state: State
  #count = 0
  #last: StoredRecord | undefined

  constructor(options: FoldOptions<State>, state: State) {
    this.#options = options
    this.#state = state
  }

  add(record: StoredRecord): void {
    this.#state = this.#options.evolve(this.#state, record)
    this.#last = record
    this.#count++
  }

  async end(
    store: EventStore,
    stream: string,
    { version, firstVersion }: StreamHead,
  ): Promise<Folded<State>> {
    const { snapshot, onNotKept } = this.#options
    const state = this.#state
    const last = this.#last
    if (snapshot !== undefined && last !== undefined && this.#count >= snapshot.every) {
      const { name, definition } = snapshot
      const ended = { definition, firstVersion, version: last.version, eventId: eventIdOf(last) }
      const error = await save(store, { stream, name }, { ...ended, state })
      if (error !== undefined) onNotKept(error)
    }
    return { state, version, expectedVersion: version < 0 ? 'none' : version }
  }
}

async function load<State>(
  { snapshots }: EventStore,
  stream: string,
  { name, definition }: SnapshotOptions,
): Promise<Snapshot<State> | undefined> {
  const bytes = await snapshots.load(stream, name)
  if (bytes === undefined) return undefined
  try {
    const saved = JSON.parse(Buffer.from(bytes).toString())
    return saved.definition === definition ? saved : undefined
  } catch {
    return undefined // damaged, or of somebody else
  }
}

/** @returns why it is not kept */
async function save<State>(
  { snapshots }: EventStore,
  { stream, name }: { readonly stream: string; readonly name: string },
  snapshot: Snapshot<State>,
): Promise<SnapshotNotKeptError | undefined> {
  const loss = whatJsonCannotCarry(snapshot.state)
  if (loss !== undefined) {
    const message = `Snapshot ${name} of stream ${stream} would not hold its state: ${describeIssues([loss])}.`
    return new SnapshotNotKeptError({ message, stream, snapshot: name, reason: 'not-json' })
  }
  try {
    await snapshots.save(stream, name, Buffer.from(JSON.stringify(snapshot)))
    return undefined
  } catch (error) {
    if (error instanceof SnapshotNotKeptError) return error
    throw error
  }
}
