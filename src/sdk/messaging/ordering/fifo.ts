// First in, first out, in a ring: neither end moves what lies between, and an emptied queue keeps its
// room, because the next item is never far.

const FEWEST_SLOTS = 8

export class Fifo<Item> {
  /** A power of two of them, so that a place is found by a mask. */
  #slots: (Item | undefined)[] = []
  #head = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  push(item: Item): void {
    if (this.#size === this.#slots.length) this.#grow()
    this.#slots[(this.#head + this.#size) & (this.#slots.length - 1)] = item
    this.#size++
  }

  peek(): Item | undefined {
    return this.#size === 0 ? undefined : this.#slots[this.#head]
  }

  shift(): Item | undefined {
    if (this.#size === 0) return undefined
    const item = this.#slots[this.#head]
    this.#slots[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#slots.length - 1)
    this.#size--
    return item
  }

  *[Symbol.iterator](): IterableIterator<Item> {
    for (let at = 0; at < this.#size; at++) yield this.#at(at)
  }

  #at(index: number): Item {
    return this.#slots[(this.#head + index) & (this.#slots.length - 1)] as Item
  }

  #grow(): void {
    const length = Math.max(FEWEST_SLOTS, this.#size * 2)
    this.#slots = Array.from({ length }, (_, at) => (at < this.#size ? this.#at(at) : undefined))
    this.#head = 0
  }
}
