// Which event may start next. Pure: no promise, no clock.
// Invariants: events of one lane run one after another in the order they came; at most `concurrency`
// run at once; partitions with something to do take turns. A lane is a key, a partition, or a single
// event, by the consumer's `order`. An event that waits to be tried again keeps its lane and gives its
// place to others.

import { Fifo } from './fifo.ts'

interface Lane<Item> {
  readonly key: string | undefined
  readonly partition: PartitionQueue<Item>
  /** What waits, as a chain: most lanes hold one event, and few hold many. */
  first: Queued<Item> | undefined
  last: Queued<Item> | undefined
  /** Started and not finished: the lane is held. */
  started: Started<Item> | undefined
}

interface Queued<Item> {
  readonly item: Item
  readonly bytes: number
  next: Queued<Item> | undefined
}

interface PartitionQueue<Item> {
  readonly id: string
  /** Idle ones too: the next event of a key finds its lane. See `#sweep`. */
  readonly lanes: Map<string, Lane<Item>>
  readonly ready: Fifo<Lane<Item>>
  readonly started: Started<Item>[]
  sweepAt: number
  isQueued: boolean
  isSerial: boolean
  isDropped: boolean
  count: number
  bytes: number
}

/** What `take` gave: one event, or several consecutive ones of a lane. */
export interface Started<Item> {
  readonly partition: string
  readonly items: readonly Item[]
  readonly bytes: number
  readonly lane: unknown
  state: 'running' | 'waiting' | 'ready'
  /** Its partition was given up: finishing it frees its place and nothing else. */
  isDropped: boolean
  /** Where it stands among what its partition has started. */
  at: number
}

export interface Load {
  /** Events that were offered and are not finished. */
  readonly count: number
  readonly bytes: number
}

/** Lanes of a partition before idle ones are looked for. */
const FEWEST_LANES = 1024

export class Scheduler<Item> {
  readonly #concurrency: number
  readonly #partitions = new Map<string, PartitionQueue<Item>>()
  /** Partitions with something to start, in turns; each at most once. */
  #turns = new Fifo<PartitionQueue<Item>>()
  #serialTurns = new Fifo<PartitionQueue<Item>>()
  #running = 0
  #serialRunning: Started<Item> | undefined
  #count = 0
  #bytes = 0

  constructor(limits: { readonly concurrency: number }) {
    this.#concurrency = limits.concurrency
  }

  get running(): number {
    return this.#running
  }

  /** Whether one more may run. */
  get hasPlace(): boolean {
    return this.#running < this.#concurrency
  }

  get load(): Load {
    return { count: this.#count, bytes: this.#bytes }
  }

  loadOf(partition: string): Load {
    const { count = 0, bytes = 0 } = this.#partitions.get(partition) ?? {}
    return { count, bytes }
  }

  /** @param key events of one key run in order; undefined: this one is on its own */
  offer(partition: string, key: string | undefined, item: Item, bytes: number): void {
    const queue = this.#queueOf(partition)
    queue.count++
    queue.bytes += bytes
    this.#count++
    this.#bytes += bytes
    const lane = this.#laneOf(queue, key)
    const queued: Queued<Item> = { item, bytes, next: undefined }
    if (lane.last !== undefined) {
      lane.last.next = queued
      lane.last = queued
      return
    }
    lane.first = queued
    lane.last = queued
    if (lane.started === undefined) this.#makeReady(lane)
  }

  /** @param most how many consecutive events of a lane may be taken as one */
  take(most = 1): Started<Item> | undefined {
    if (!this.hasPlace) return undefined
    const lane = this.#nextLane()
    if (lane === undefined) return undefined
    const started = lane.started ?? this.#startNext(lane, most)
    started.state = 'running'
    this.#running++
    if (lane.partition.isSerial) this.#serialRunning = started
    return started
  }

  finish(started: Started<Item>): void {
    if (started.state === 'running') this.#stopRunning(started)
    if (started.isDropped) return
    const lane = started.lane as Lane<Item>
    const { partition } = lane
    lane.started = undefined
    forget(started, partition.started)
    partition.count -= started.items.length
    partition.bytes -= started.bytes
    this.#count -= started.items.length
    this.#bytes -= started.bytes
    if (lane.first !== undefined) this.#makeReady(lane)
  }

  /** It is to be tried again later: its lane stays held, its place is free. */
  wait(started: Started<Item>): void {
    this.#stopRunning(started)
  }

  /** The wait is over: `take` will give it once there is a place. */
  retry(started: Started<Item>): void {
    if (started.isDropped || started.state !== 'waiting') return
    started.state = 'ready'
    this.#makeReady(started.lane as Lane<Item>)
  }

  /** In a serial partition nothing runs beside another event of a serial partition. */
  setSerial(partition: string, isSerial: boolean): void {
    const queue = this.#queueOf(partition)
    if (queue.isSerial === isSerial) return
    this.#forgetTurn(queue)
    queue.isSerial = isSerial
    if (queue.ready.size > 0) this.#queueTurn(queue)
  }

  /** Gives the partition up. What has started goes on, marked as dropped; the rest is forgotten. */
  drop(partition: string): readonly Started<Item>[] {
    const queue = this.#partitions.get(partition)
    if (queue === undefined) return []
    this.#partitions.delete(partition)
    queue.isDropped = true
    this.#forgetTurn(queue)
    this.#count -= queue.count
    this.#bytes -= queue.bytes
    for (const started of queue.started) started.isDropped = true
    return queue.started
  }

  #queueOf(id: string): PartitionQueue<Item> {
    const known = this.#partitions.get(id)
    if (known !== undefined) return known
    const queue: PartitionQueue<Item> = {
      id,
      lanes: new Map(),
      ready: new Fifo(),
      started: [],
      sweepAt: FEWEST_LANES,
      isQueued: false,
      isSerial: false,
      isDropped: false,
      count: 0,
      bytes: 0,
    }
    this.#partitions.set(id, queue)
    return queue
  }

  #laneOf(partition: PartitionQueue<Item>, key: string | undefined): Lane<Item> {
    const known = key === undefined ? undefined : partition.lanes.get(key)
    if (known !== undefined) return known
    const lane: Lane<Item> = {
      key,
      partition,
      first: undefined,
      last: undefined,
      started: undefined,
    }
    if (key === undefined) return lane
    if (partition.lanes.size >= partition.sweepAt) this.#sweep(partition)
    partition.lanes.set(key, lane)
    return lane
  }

  /** Seldom enough that each new lane pays for one that is looked at. */
  #sweep(partition: PartitionQueue<Item>): void {
    const { lanes } = partition
    for (const [key, { first, started }] of lanes) {
      if (first === undefined && started === undefined) lanes.delete(key)
    }
    partition.sweepAt = Math.max(FEWEST_LANES, lanes.size * 2)
  }

  /** @param lane one that is ready: something waits there */
  #startNext(lane: Lane<Item>, most: number): Started<Item> {
    const first = lane.first as Queued<Item>
    const items = [first.item]
    let { bytes } = first
    let next = detach(first)
    while (next !== undefined && items.length < most) {
      items.push(next.item)
      bytes += next.bytes
      next = detach(next)
    }
    lane.first = next
    if (next === undefined) lane.last = undefined
    const { partition } = lane
    const started: Started<Item> = {
      partition: partition.id,
      items,
      bytes,
      lane,
      state: 'ready',
      isDropped: false,
      at: partition.started.length,
    }
    lane.started = started
    partition.started.push(started)
    return started
  }

  #stopRunning(started: Started<Item>): void {
    started.state = 'waiting'
    this.#running--
    if (this.#serialRunning === started) this.#serialRunning = undefined
  }

  #nextLane(): Lane<Item> | undefined {
    const partition =
      (this.#serialRunning === undefined ? this.#serialTurns.shift() : undefined) ??
      this.#turns.shift()
    if (partition === undefined) return undefined
    partition.isQueued = false
    const lane = partition.ready.shift()
    if (partition.ready.size > 0) this.#queueTurn(partition)
    return lane
  }

  #makeReady(lane: Lane<Item>): void {
    lane.partition.ready.push(lane)
    this.#queueTurn(lane.partition)
  }

  #queueTurn(partition: PartitionQueue<Item>): void {
    if (partition.isQueued || partition.isDropped) return
    partition.isQueued = true
    const turns = partition.isSerial ? this.#serialTurns : this.#turns
    turns.push(partition)
  }

  #forgetTurn(partition: PartitionQueue<Item>): void {
    if (!partition.isQueued) return
    partition.isQueued = false
    this.#turns = without(this.#turns, partition)
    this.#serialTurns = without(this.#serialTurns, partition)
  }
}

/** @returns what follows. One that has grown old would keep all that ever followed it from the collector. */
function detach<Item>(queued: Queued<Item>): Queued<Item> | undefined {
  const { next } = queued
  queued.next = undefined
  return next
}

/** The last one takes its place: which is where does not matter. */
function forget<Item>(started: Started<Item>, among: Started<Item>[]): void {
  const last = among.pop()
  if (last === undefined || last === started) return
  last.at = started.at
  among[started.at] = last
}

function without<Item>(queue: Fifo<Item>, item: Item): Fifo<Item> {
  const rest = new Fifo<Item>()
  for (const other of queue) if (other !== item) rest.push(other)
  return rest
}
