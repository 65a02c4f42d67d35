// What has begun and not ended, counted by partition: whoever gives partitions up waits for it.

import type { PartitionRun } from './partition-run.ts'

export class UnderWay {
  #waiting: { readonly runs: readonly PartitionRun[]; resolve(): void }[] = []

  begin(run: PartitionRun): void {
    run.underWay++
  }

  end(run: PartitionRun): void {
    run.underWay--
    if (this.#waiting.length === 0) return
    const over = this.#waiting.filter(({ runs }) => isOver(runs))
    this.#waiting = this.#waiting.filter(({ runs }) => !isOver(runs))
    for (const { resolve } of over) resolve()
  }

  /** Resolves once nothing of these partitions is under way; undefined when nothing is now. */
  ended(runs: readonly PartitionRun[]): Promise<void> | undefined {
    if (isOver(runs)) return undefined
    return new Promise((resolve) => this.#waiting.push({ runs, resolve }))
  }
}

function isOver(runs: readonly PartitionRun[]): boolean {
  return runs.every(({ underWay }) => underWay === 0)
}
