// Members by their load, the first of them at hand. Loads change while members are in it: who gains or
// loses one is at the top, and sinks.

export class LoadHeap {
  readonly #members: number[]
  readonly #compare: (a: number, b: number) => number

  /** @param compare by load: negative when `a` comes first; equal ones go by their number */
  constructor(members: readonly number[], compare: (a: number, b: number) => number) {
    this.#members = [...members]
    this.#compare = (a, b) => compare(a, b) || a - b
    for (let at = (this.#members.length >> 1) - 1; at >= 0; at--) this.#sink(at)
  }

  get isEmpty(): boolean {
    return this.#members.length === 0
  }

  /** Only while it is not empty. */
  get top(): number {
    return this.#members[0]!
  }

  /** The top's load has changed for the worse. */
  sinkTop(): void {
    this.#sink(0)
  }

  dropTop(): void {
    const last = this.#members.pop()
    if (this.#members.length === 0) return
    this.#members[0] = last!
    this.#sink(0)
  }

  #sink(from: number): void {
    const members = this.#members
    let at = from
    for (;;) {
      const left = 2 * at + 1
      if (left >= members.length) return
      const right = left + 1
      const isRight = right < members.length && this.#compare(members[right]!, members[left]!) < 0
      const first = isRight ? right : left
      if (this.#compare(members[at]!, members[first]!) <= 0) return
      const member = members[at]!
      members[at] = members[first]!
      members[first] = member
      at = first
    }
  }
}
