// Whoever appends over several partitions holds its streams for the length of a transaction. Those that
// want the same ones in this process take turns, so that none of them is refused because of another.
// Invariant: everybody waits only for who came before, so nobody waits in a circle.

export class StreamTurns {
  /** Of each stream that somebody holds or waits for: when the last of them is done. */
  readonly #last = new Map<string, Promise<void>>()

  /** Resolves when everybody before who named one of the streams is done. @returns ends the turn */
  async take(streams: readonly string[]): Promise<() => void> {
    const before = streams.map((stream) => this.#last.get(stream))
    const { promise, resolve } = Promise.withResolvers<void>()
    for (const stream of streams) this.#last.set(stream, promise)
    await Promise.all(before)
    return () => {
      for (const stream of streams) {
        if (this.#last.get(stream) === promise) this.#last.delete(stream)
      }
      resolve()
    }
  }

  /** Resolves when those are done who hold the stream now or wait for it; undefined: nobody does. */
  ofStream(stream: string): Promise<void> | undefined {
    return this.#last.get(stream)
  }
}
