// Many runs from many seeds, and what they came to. A workload is run to its end, then once more for
// each place at which the power can go; a run that breaks a promise is kept, and made smaller.
import { SeededRandom } from './seeded-random.ts'
import type { DiskFaults } from './sim-disk.ts'

export interface RunOptions {
  readonly seed: number
  /** In the first life; undefined lets the workload end and then cuts the power. */
  readonly cutAt?: DiskFaults['cutAt']
}

export interface RunReport {
  /** Everything that was counted, by name. */
  readonly counts: Readonly<Record<string, number>>
  /** Operations of the disk in the first life. */
  readonly firstLife: { readonly write: number; readonly sync: number }
}

/** A run that broke a promise. */
export interface Finding<Options> {
  readonly options: Options
  readonly error: unknown
}

export class Campaign<Options extends RunOptions> {
  runs = 0
  /** Over all runs, by name. */
  readonly counts: Record<string, number> = {}
  readonly findings: Finding<Options>[] = []
  readonly #runOnce: (options: Options) => Promise<RunReport>

  /** @param runOnce rejects when a promise is broken */
  constructor(runOnce: (options: Options) => Promise<RunReport>) {
    this.#runOnce = runOnce
  }

  count(name: string): number {
    return this.counts[name] ?? 0
  }

  /**
   * The workload of a seed, once to its end and once for every place at which the power can go, the
   * earliest first; of more than `maxCuts` places, that many spread evenly.
   */
  async everyCut(options: Options, maxCuts = Number.POSITIVE_INFINITY): Promise<void> {
    const whole = await this.#run(options)
    if (whole === undefined) return
    const { write, sync } = whole.firstLife
    // Which of the places are left out differs from seed to seed.
    const step = Math.max(1, (write + sync) / maxCuts)
    const start = new SeededRandom(options.seed).fraction() * (step - 1)
    for (let place = start; place < write + sync; place += step) {
      const index = Math.floor(place)
      const cutAt =
        index < write
          ? ({ action: 'write', index } as const)
          : ({ action: 'sync', index: index - write } as const)
      await this.#run({ ...options, cutAt })
    }
  }

  /** @returns the first run from this seed on that breaks a promise, cut wherever the seed says */
  async firstFinding(
    optionsOf: (seed: number) => Options,
    maxRuns: number,
    firstSeed = 0,
  ): Promise<Finding<Options> | undefined> {
    for (let seed = firstSeed; this.runs < maxRuns && this.findings.length === 0; seed++) {
      const options = optionsOf(seed)
      const whole = await this.#run(options)
      if (whole === undefined) break
      const random = new SeededRandom(seed)
      const action = random.pick(['write', 'sync'] as const)
      const index = random.below(whole.firstLife[action])
      await this.#run({ ...options, cutAt: { action, index } })
    }
    return this.findings[0]
  }

  async #run(options: Options): Promise<RunReport | undefined> {
    this.runs++
    try {
      const report = await this.#runOnce(options)
      for (const [name, count] of Object.entries(report.counts)) {
        this.counts[name] = this.count(name) + count
      }
      return report
    } catch (error) {
      this.findings.push({ options, error })
      return undefined
    }
  }
}

/**
 * Tries smaller workloads of the same seed, each at the places where its power can go, and goes on
 * from each that still breaks a promise.
 * @param smaller what may be tried instead of these options, the boldest first
 * @returns the smallest that was found within so many runs
 */
export async function shrink<Options extends RunOptions>(
  finding: Finding<Options>,
  runOnce: (options: Options) => Promise<RunReport>,
  { smaller, maxRuns }: { smaller: (options: Options) => readonly Options[]; maxRuns: number },
): Promise<Finding<Options>> {
  const campaign = new Campaign(runOnce)
  let smallest = finding
  for (let isSmaller = true; isSmaller && campaign.runs < maxRuns; ) {
    isSmaller = false
    for (const options of smaller(smallest.options)) {
      const before = campaign.findings.length
      await campaign.everyCut({ ...options, cutAt: undefined }, CUTS_OF_SMALLER)
      const found = campaign.findings[before]
      if (found === undefined && campaign.runs < maxRuns) continue
      isSmaller = found !== undefined
      smallest = found ?? smallest
      break
    }
  }
  return smallest
}

const CUTS_OF_SMALLER = 20

/**
 * What broke, and how to see it again.
 * @param command that replays: the seed and the place of the cut follow it
 */
export function describeFinding({ options, error }: Finding<RunOptions>, command: string): string {
  const { seed, cutAt } = options
  const where = cutAt === undefined ? 'end' : `${cutAt.action} ${cutAt.index}`
  const what = error instanceof Error ? error.stack : String(error)
  return `${command} replay ${seed} ${where}\n${what}`
}

/** The place of a cut as `describeFinding` writes it. */
export function parseCut(
  action: string | undefined,
  index: string | undefined,
): DiskFaults['cutAt'] {
  if (action === undefined || action === 'end') return undefined
  if (action === 'write' || action === 'sync') return { action, index: Number(index) }
  throw new Error(`A run ends at 'write N', 'sync N' or 'end', not at '${action}'.`)
}
