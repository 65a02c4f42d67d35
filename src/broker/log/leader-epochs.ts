// Which leader epoch wrote which offsets. Batch headers are the truth; the file
// `leader-epoch-checkpoint`, in Kafka's text format, only saves reading them all at start.
// Invariant: epochs and start offsets both grow strictly. Source: KIP-101, KIP-279, KIP-320.

export interface EpochStart {
  readonly epoch: number
  readonly startOffset: number
}

export interface EpochEnd {
  /** The largest epoch at or below the one asked for. */
  readonly epoch: number
  /** Exclusive: where the next epoch starts, or the end of the log. */
  readonly endOffset: number
}

const FORMAT_VERSION = 0

export class LeaderEpochs {
  #starts: EpochStart[]

  constructor(starts: readonly EpochStart[] = []) {
    this.#starts = [...starts]
  }

  get starts(): readonly EpochStart[] {
    return this.#starts
  }

  /** undefined while the log has no batch. */
  get last(): EpochStart | undefined {
    return this.#starts.at(-1)
  }

  /** Notes that a batch of `epoch` starts at `startOffset`. @returns whether the epoch is new */
  note(epoch: number, startOffset: number): boolean {
    const last = this.#starts.at(-1)
    if (epoch < 0 || (last !== undefined && epoch <= last.epoch)) return false
    if (last !== undefined && startOffset <= last.startOffset) this.#starts.pop()
    this.#starts.push({ epoch, startOffset })
    return true
  }

  epochOf(offset: number): number | undefined {
    return this.#starts.findLast((start) => start.startOffset <= offset)?.epoch
  }

  /** @returns undefined when nothing is known of that epoch */
  endOffsetFor(epoch: number, logEndOffset: number): EpochEnd | undefined {
    const last = this.#starts.at(-1)
    if (last === undefined || epoch > last.epoch || epoch < 0) return undefined
    if (epoch === last.epoch) return { epoch, endOffset: logEndOffset }
    const next = this.#starts.findIndex((start) => start.epoch > epoch)
    const found = this.#starts[next - 1]
    const endOffset = this.#starts[next]!.startOffset
    // Older than all that is left: whoever has that epoch diverged before our first offset.
    return found === undefined ? { epoch, endOffset } : { epoch: found.epoch, endOffset }
  }

  /** Forgets epochs that start at or beyond the new end. */
  truncateEnd(endOffset: number): void {
    this.#starts = this.#starts.filter((start) => start.startOffset < endOffset)
  }

  /** Forgets what lies below the new start; the epoch that reaches over it begins there. */
  truncateStart(startOffset: number): void {
    const first = this.#starts.findLastIndex((start) => start.startOffset <= startOffset)
    if (first < 0) return
    const kept = this.#starts.slice(first)
    kept[0] = { epoch: kept[0]!.epoch, startOffset }
    this.#starts = kept
  }

  encode(): string {
    const lines = this.#starts.map(({ epoch, startOffset }) => `${epoch} ${startOffset}\n`)
    return `${FORMAT_VERSION}\n${lines.length}\n${lines.join('')}`
  }

  /** @returns undefined when the text is no such file, or only the first part of one */
  static decode(text: string): LeaderEpochs | undefined {
    const [version, count, ...lines] = text.split('\n')
    if (version !== String(FORMAT_VERSION) || lines.pop() !== '') return undefined
    if (String(lines.length) !== count) return undefined
    const epochs = new LeaderEpochs()
    for (const line of lines) {
      const match = /^(\d+) (\d+)$/.exec(line)
      if (match === null || !epochs.note(Number(match[1]), Number(match[2]))) return undefined
    }
    return epochs.starts.length === lines.length ? epochs : undefined
  }
}
