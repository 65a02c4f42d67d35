// Waiting timers, the earliest first; those of one moment in the order in which they were written.
// A binary heap: a timer that is put or taken costs the logarithm of those that wait.

interface Due {
  readonly dueMs: number
  readonly offset: number
}

export class DueQueue<Item extends Due> {
  readonly #heap: Item[] = []

  get size(): number {
    return this.#heap.length
  }

  /** In no order. */
  [Symbol.iterator](): IterableIterator<Item> {
    return this.#heap[Symbol.iterator]()
  }

  peek(): Item | undefined {
    return this.#heap[0]
  }

  put(timer: Item): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(timer)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(timer, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = timer
  }

  take(): Item | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (last === undefined || last === first) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }
}

function isBefore(one: Due, other: Due): boolean {
  return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.offset < other.offset)
}
