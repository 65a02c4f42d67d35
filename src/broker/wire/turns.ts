// How long messages are read and written without holding up everybody else: in stretches of so many
// bytes, with a turn of the event loop for others between two of them. What a stretch is counts
// bytes, not time, so that the same message is always cut in the same places.

/** Some thousand fields: a few milliseconds. */
const BYTES_PER_TURN = 32 * 1024

export class Turns {
  readonly #pause: () => Promise<void>
  #endsAt = BYTES_PER_TURN

  /** @param pause resolves on a later turn of the event loop */
  constructor(pause: () => Promise<void>) {
    this.#pause = pause
  }

  /** @param position in the message */
  isOver(position: number): boolean {
    return position >= this.#endsAt
  }

  async next(position: number): Promise<void> {
    this.#endsAt = position + BYTES_PER_TURN
    await this.#pause()
  }
}
