// A counter for each value of a label, as many as are allowed; what comes later is counted together.

export const OTHERS = '(others)'

export class LabelCounter {
  readonly #counts = new Map<string, number>()
  readonly #maxLabels: () => number

  constructor(maxLabels: () => number = () => Number.POSITIVE_INFINITY) {
    this.#maxLabels = maxLabels
  }

  add(label: string, amount: number): void {
    const count = this.#counts.get(label)
    if (count !== undefined) this.#counts.set(label, count + amount)
    else if (this.#counts.size < this.#maxLabels()) this.#counts.set(label, amount)
    else this.#counts.set(OTHERS, (this.#counts.get(OTHERS) ?? 0) + amount)
  }

  /** What it stood for is gone. */
  forget(label: string): void {
    this.#counts.delete(label)
  }

  entries(): Iterable<[label: string, count: number]> {
    return this.#counts
  }
}
