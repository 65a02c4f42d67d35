// The events that all stores are given: the same bytes for each, about 200 as JSON, of streams that are
// written as Zipf has it: a few often, most rarely.
import { randomUUID } from 'node:crypto'
import type { LoadEvent } from './store-client.ts'

/** message-db locks by category, what stands before the dash: many of them are in its favour. */
const CATEGORIES = 50
const NOTE = 'goods are checked, packed and handed over; nothing is missing'

export function newEvent(index: number): LoadEvent {
  const id = randomUUID()
  const data = { id, orderId: `order-${index}`, amount: index % 1000, currency: 'EUR', note: NOTE }
  return { id, type: 'shop.OrderChanged', data }
}

export function streamName(prefix: string, index: number): string {
  return `${prefix}c${index % CATEGORIES}-${index}`
}

/** Draws 0 .. count-1 with weights 1, 1/2, 1/3 ...; the same draws for the same seed. */
export function zipf(count: number, seed: number): () => number {
  const sums = new Float64Array(count)
  let sum = 0
  for (let rank = 0; rank < count; rank++) {
    sum += 1 / (rank + 1)
    sums[rank] = sum
  }
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    const wanted = (state / 2 ** 32) * sum
    let low = 0
    let high = count - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (sums[middle]! < wanted) low = middle + 1
      else high = middle
    }
    return low
  }
}
