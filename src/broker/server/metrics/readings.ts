// What metrics look like when they are read: a value, or the distribution of many.

import type { MetricName } from './metric-table.ts'

export interface MetricReading {
  readonly name: MetricName
  readonly labels: Readonly<Record<string, string>>
  readonly value: number | Distribution
}

export interface Distribution {
  /** How many were at most so large, cumulative; the last bound is Infinity. */
  readonly buckets: readonly { readonly upTo: number; readonly count: number }[]
  readonly sum: number
  readonly count: number
}

/** From a tenth of a millisecond to half a minute. */
const BOUNDS_SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
  30,
]

export class Histogram {
  readonly #counts = new Uint32Array(BOUNDS_SECONDS.length + 1)
  #sum = 0

  observeMs(ms: number): void {
    const seconds = ms / 1000
    this.#sum += seconds
    let index = 0
    while (index < BOUNDS_SECONDS.length && seconds > BOUNDS_SECONDS[index]!) index++
    this.#counts[index]!++
  }

  read(): Distribution {
    let count = 0
    const buckets = [...this.#counts].map((more, index) => {
      count += more
      return { upTo: BOUNDS_SECONDS[index] ?? Number.POSITIVE_INFINITY, count }
    })
    return { buckets, sum: this.#sum, count }
  }
}
