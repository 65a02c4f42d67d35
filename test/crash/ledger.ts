// What the outside world knows, kept outside the broker: which records were sent, which were
// acknowledged and where, which offsets were committed. `check` holds the log against it.
// Values are `<producer>:<n>`, n counting from 0 for each producer, so order and loss show.
import assert from 'node:assert/strict'

export interface StoredRecord {
  readonly partition: number
  readonly offset: number
  readonly value: string
}

export class Ledger {
  readonly #sent = new Set<string>()
  /** `partition@offset` -> value, for every acknowledged record. */
  readonly #acknowledged = new Map<string, string>()
  readonly #committed = new Map<number, number>()

  get acknowledgedCount(): number {
    return this.#acknowledged.size
  }

  /** Last acknowledged commit of the test's group, by partition. */
  get committed(): ReadonlyMap<number, number> {
    return this.#committed
  }

  sent(value: string): void {
    this.#sent.add(value)
  }

  acknowledged(partition: number, offset: number, value: string): void {
    const place = `${partition}@${offset}`
    const earlier = this.#acknowledged.get(place)
    assert.equal(earlier, undefined, `${place} was acknowledged for ${earlier} and for ${value}`)
    this.#acknowledged.set(place, value)
  }

  commitAcknowledged(partition: number, offset: number): void {
    this.#committed.set(partition, offset)
  }

  /** Holds all records of the topic, read from the beginning, against what is known. */
  check(stored: readonly StoredRecord[]): void {
    const places = new Map<string, string>()
    const seen = new Map<string, string>()
    const lastOfProducer = new Map<string, number>()
    const nextOffset = new Map<number, number>()
    for (const { partition, offset, value } of stored) {
      const place = `${partition}@${offset}`
      places.set(place, value)
      assert.ok(this.#sent.has(value), `invented: ${value} at ${place} was never sent`)
      assert.equal(
        seen.get(value),
        undefined,
        `duplicate: ${value} at ${seen.get(value)}, ${place}`,
      )
      seen.set(value, place)
      const expected = nextOffset.get(partition) ?? 0
      assert.equal(offset, expected, `hole: partition ${partition} goes on at ${offset}`)
      nextOffset.set(partition, offset + 1)
      this.#checkOrder(lastOfProducer, partition, value)
    }
    for (const [place, value] of this.#acknowledged) {
      assert.equal(places.get(place), value, `lost: ${value} was acknowledged at ${place}`)
    }
  }

  #checkOrder(lastOfProducer: Map<string, number>, partition: number, value: string): void {
    const [producer, count] = value.split(':')
    const key = `${producer}/${partition}`
    const last = lastOfProducer.get(key)
    const message = `order: ${value} stands behind ${producer}:${last} in partition ${partition}`
    assert.ok(last === undefined || Number(count) > last, message)
    lastOfProducer.set(key, Number(count))
  }
}
