// What a row of the conformance page is: one piece of independent software, run against a broker that
// only this row uses, and the checks that came out of it.
import type { ConformanceBroker, TargetName } from './broker.ts'

export interface Check {
  readonly name: string
  /** What was seen instead; undefined is a pass. */
  readonly failure?: string
  /** Why the software itself left it out. */
  readonly skipped?: string
}

export interface Outcome {
  readonly checks: readonly Check[]
  /** Figures of this run, for the page. */
  readonly seen?: string
}

export interface Stage {
  readonly target: TargetName
  readonly broker: ConformanceBroker
  /** Empty, removed afterwards. */
  readonly folder: string
  /** `quick` is the form of `.ci/run`: fewer kills, less data, the same checks. */
  readonly size: 'quick' | 'full'
  readonly seed: number
  /** Runs beside the row, for when it fails: ended when the row ends. */
  readonly atEnd: (close: () => Promise<unknown>) => void
}

export interface Row {
  readonly id: string
  readonly group: string
  readonly software: string
  readonly what: string
  /** What `scripts/services prepare` must have installed. */
  readonly services: readonly string[]
  /** Also in `.ci/run`, in a form of its own if `size` says so. */
  readonly isQuick: boolean
  /** Of the broker, where the software wants other than the defaults. */
  readonly configs?: Readonly<Record<string, string>>
  run(stage: Stage): Promise<Outcome>
}

/** Runs one check: what it throws is its failure, and the next checks are made all the same. */
export async function check(name: string, body: () => unknown): Promise<Check> {
  try {
    await body()
    return { name }
  } catch (error) {
    return { name, failure: error instanceof Error ? error.message : String(error) }
  }
}
