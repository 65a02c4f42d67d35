// Hands out producer ids from blocks of the catalogue.
// Invariant: no id is ever given twice, whatever crashes: a block is stored and synced before its
// first id leaves, and what is left of a block at a stop is lost.

export interface ProducerIdBlock {
  readonly firstProducerId: number
  readonly count: number
}

export class ProducerIds {
  readonly #takeBlock: () => Promise<ProducerIdBlock>
  #next = 0
  /** Exclusive. */
  #end = 0
  #refill: Promise<void> | undefined

  /** @param takeBlock stores a new block durably and returns it */
  constructor(takeBlock: () => Promise<ProducerIdBlock>) {
    this.#takeBlock = takeBlock
  }

  async take(): Promise<number> {
    while (this.#next === this.#end) {
      this.#refill ??= this.#fill()
      await this.#refill
    }
    return this.#next++
  }

  async #fill(): Promise<void> {
    try {
      const block = await this.#takeBlock()
      this.#next = block.firstProducerId
      this.#end = block.firstProducerId + block.count
    } finally {
      this.#refill = undefined
    }
  }
}
