// What came out of the last run of each row, kept in results.json: the page is made from it.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TargetName } from './broker.ts'
import { type KnownFailure, knownFailures } from './known.ts'
import type { Outcome } from './row.ts'

const path = join(import.meta.dirname, 'results.json')
const MAX_FAILURE_LENGTH = 300

export interface Result {
  /** The day of the run, as 2026-01-31. */
  readonly date: string
  readonly seconds: number
  readonly passed: number
  readonly failed: readonly { readonly name: string; readonly failure: string }[]
  readonly skipped: readonly { readonly name: string; readonly why: string }[]
  readonly seen?: string
}

/** By row. The control's are kept beside ours, to tell whose a failure is. */
export type Results = Readonly<Record<TargetName, Readonly<Record<string, Result>>>>

export function readResults(): Results {
  return JSON.parse(readFileSync(path, 'utf8'))
}

/** Puts the results of this run in the place of those rows' older ones. */
export function writeResults(
  target: TargetName,
  results: Readonly<Record<string, Result>>,
): Results {
  const before = readResults()
  const kept = Object.entries(results).map(([row, result]) => [row, shortened(result)])
  const merged = { ...before, [target]: { ...before[target], ...Object.fromEntries(kept) } }
  writeFileSync(path, `${JSON.stringify(merged, null, 2)}\n`)
  return merged
}

/** Of a failure, what names it: the rest was for who ran it. */
function shortened(result: Result): Result {
  const failed = result.failed.map(({ name, failure }) => ({
    name,
    failure: failure.slice(0, MAX_FAILURE_LENGTH),
  }))
  return { ...result, failed }
}

export function resultOf(outcome: Outcome, date: string, seconds: number): Result {
  const { checks, seen } = outcome
  return {
    date,
    seconds,
    passed: checks.filter(({ failure, skipped }) => failure === undefined && skipped === undefined)
      .length,
    failed: checks.flatMap(({ name, failure }) =>
      failure === undefined ? [] : [{ name, failure }],
    ),
    skipped: checks.flatMap(({ name, skipped }) =>
      skipped === undefined ? [] : [{ name, why: skipped }],
    ),
    ...(seen === undefined ? {} : { seen }),
  }
}

export function knownFailureOf(row: string, check: string): KnownFailure | undefined {
  return knownFailures.find((known) => known.row === row && known.check.test(check))
}

/** Failures without a reason, and reasons without a failure. */
export function surprisesOf(row: string, result: Result): string[] {
  const unexplained = result.failed
    .filter(({ name }) => knownFailureOf(row, name) === undefined)
    .map(({ name, failure }) => `${name}: ${failure}`)
  const needless = knownFailures
    .filter((known) => known.row === row)
    .filter((known) => !result.failed.some(({ name }) => known.check.test(name)))
    .map((known) => `does not fail any more: ${known.check}`)
  return [...unexplained, ...needless]
}
