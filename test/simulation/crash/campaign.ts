// Many runs from many seeds, and what they came to. The short form is in log-crash.test.ts; the long:
//   node test/simulation/crash/campaign.ts SEEDS [FIRST_SEED]
// and one run again, with everything that happened in it:
//   node test/simulation/crash/campaign.ts replay SEED write|sync|end [INDEX]
// Both with --compacted for workloads whose partitions are compacted meanwhile.
import { recoveryCounters } from '../../../src/broker/log/recovery-counters.ts'
import { SeededRandom } from '../seeded-random.ts'
import { type RunOptions, type RunReport, runOnce } from './log-run.ts'

/** Small segments, so that there is something to compact from the start. */
export const compactedSettings = {
  isCompacted: true,
  partitions: 2,
  batchesPerProducer: 14,
  segmentBytes: 2500,
  valueBytes: 330,
} as const

type Compacted = Pick<RunOptions, 'settings'>

/** A run that broke a promise. */
export interface Finding {
  readonly options: RunOptions
  readonly error: unknown
}

export class Campaign {
  runs = 0
  acknowledged = 0
  read = 0
  compactions = 0
  /** Operations and faults of the disks, by name. */
  readonly counts: Record<string, number> = {}
  readonly losses: RunReport['storage'] = {
    writesLost: 0,
    writesTorn: 0,
    writesReordered: 0,
    namesLost: 0,
  }
  readonly findings: Finding[] = []

  /**
   * The workload of a seed, once to its end and once for every place at which the power can go; of
   * more than `maxCuts` places, that many spread evenly.
   */
  async everyCut(options: RunOptions, maxCuts = Number.POSITIVE_INFINITY): Promise<void> {
    const whole = await this.#run(options)
    if (whole === undefined) return
    const { write, sync } = whole.firstLife
    const step = Math.max(1, (write + sync) / maxCuts)
    for (let place = 0; place < write + sync; place += step) {
      const index = Math.floor(place)
      const cutAt =
        index < write
          ? ({ action: 'write', index } as const)
          : ({ action: 'sync', index: index - write } as const)
      await this.#run({ ...options, cutAt })
    }
  }

  /** @returns the first run of these seeds that breaks a promise, cut wherever the seed says */
  async firstFinding(
    options: Omit<RunOptions, 'seed'>,
    maxRuns: number,
  ): Promise<Finding | undefined> {
    for (let seed = 0; this.runs < maxRuns && this.findings.length === 0; seed++) {
      const whole = await this.#run({ ...options, seed })
      if (whole === undefined) break
      const random = new SeededRandom(seed)
      const action = random.pick(['write', 'sync'] as const)
      const index = random.below(whole.firstLife[action])
      await this.#run({ ...options, seed, cutAt: { action, index } })
    }
    return this.findings[0]
  }

  async #run(options: RunOptions): Promise<RunReport | undefined> {
    this.runs++
    try {
      const report = await runOnce(options)
      this.#add(report)
      return report
    } catch (error) {
      this.findings.push({ options, error })
      return undefined
    }
  }

  #add(report: RunReport): void {
    this.acknowledged += report.acknowledged
    this.read += report.read
    this.compactions += report.compactions
    for (const [name, count] of Object.entries(report.counts)) {
      this.counts[name] = (this.counts[name] ?? 0) + count
    }
    const { losses } = this
    losses.writesLost += report.storage.writesLost
    losses.writesTorn += report.storage.writesTorn
    losses.writesReordered += report.storage.writesReordered
    losses.namesLost += report.storage.namesLost
  }
}

/** What broke, and how to see it again. */
export function describeFinding({ options, error }: Finding): string {
  const { seed, cutAt, settings } = options
  const where = cutAt === undefined ? 'end' : `${cutAt.action} ${cutAt.index}`
  const what = error instanceof Error ? error.stack : String(error)
  const flag = settings?.isCompacted === true ? ' --compacted' : ''
  return `node test/simulation/crash/campaign.ts replay ${seed} ${where}${flag}\n${what}`
}

async function replay([seed, action, index]: string[], options: Compacted): Promise<void> {
  const isCut = action === 'write' || action === 'sync'
  await runOnce({
    ...options,
    seed: Number(seed),
    ...(isCut && { cutAt: { action, index: Number(index) } }),
    onNote: (line) => console.log(line),
  })
}

async function main(all: string[]): Promise<void> {
  const args = all.filter((arg) => arg !== '--compacted')
  const options = all.length > args.length ? { settings: compactedSettings } : {}
  if (args[0] === 'replay') return replay(args.slice(1), options)
  const [seeds = 100, firstSeed = 0] = args.map(Number)
  const campaign = new Campaign()
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const before = campaign.findings.length
    await campaign.everyCut({ ...options, seed })
    for (const finding of campaign.findings.slice(before)) console.log(describeFinding(finding))
  }
  const { runs, acknowledged, read, compactions, losses, findings } = campaign
  console.log({
    runs,
    acknowledged,
    read,
    compactions,
    ...losses,
    recoveryCounters,
    findings: findings.length,
  })
  process.exitCode = findings.length === 0 ? 0 : 1
}

if (import.meta.main) await main(process.argv.slice(2))
