// Looks for a seeded bug, from the seed on with which it was found before.

import type { Anomaly } from '../checker/anomaly.ts'
import type { Operation } from '../operations.ts'
import type { SeededBug } from './seeded-bugs.ts'
import { runSimulated } from './simulated-run.ts'

const MAX_RUNS = 80

export interface FoundBug {
  readonly seed: number
  readonly runs: number
  readonly anomaly: Anomaly
  readonly operations: readonly Operation[]
}

export async function findSeededBug(bug: SeededBug): Promise<FoundBug | undefined> {
  const { internals, settings = {}, seenAs, seed: known = 1 } = bug
  for (let runs = 1; runs <= MAX_RUNS; runs++) {
    const seed = known + runs - 1
    const { anomalies, operations } = await runSimulated({ seed, internals, settings })
    const anomaly = anomalies.find(({ kind }) => seenAs.includes(kind))
    if (anomaly !== undefined) return { seed, runs, anomaly, operations }
  }
  return undefined
}
