// The campaign on the whole broker. The short form is in broker-crash.test.ts; the long:
//   node test/simulation/broker/campaign.ts SEEDS [FIRST_SEED] [CUTS_OF_EACH]
// and one run again, with everything that happened in it:
//   node test/simulation/broker/campaign.ts replay SEED write|sync|end [INDEX]
import { recoveryCounters } from '../../../src/broker/log/recovery-counters.ts'
import { Campaign, describeFinding, type Finding, parseCut, shrink } from '../campaign.ts'
import { SeededRandom } from '../seeded-random.ts'
import { type BrokerRunOptions, runBrokerOnce } from './broker-run.ts'
import { type BrokerSettings, chooseSettings } from './broker-settings.ts'

const COMMAND = 'node test/simulation/broker/campaign.ts'
const SHRINK_RUNS = 150

/** What broke, how to see it again, and a smaller workload that breaks too. */
export async function describeBrokerFinding(finding: Finding<BrokerRunOptions>): Promise<string> {
  const smallest = await shrink(finding, runBrokerOnce, { smaller, maxRuns: SHRINK_RUNS })
  if (smallest === finding) return describeFinding(finding, COMMAND)
  const { options } = smallest
  const where = `cut at ${JSON.stringify(options.cutAt ?? 'end')}`
  const less = `${where} with settings ${JSON.stringify(options.settings)}`
  return `${describeFinding(finding, COMMAND)}\nsmaller: ${less}: ${smallest.error}`
}

/** Without some of the actors, with less work for each, with fewer faults. */
function smaller(options: BrokerRunOptions): BrokerRunOptions[] {
  const chosen = chooseSettings(new SeededRandom(options.seed))
  const settings = { ...chosen, ...options.settings }
  const less: Partial<BrokerSettings>[] = []
  for (const actors of ['admins', 'members', 'followers', 'plainProducers'] as const) {
    if (settings[actors] > 0) less.push({ [actors]: 0 })
  }
  for (const size of ['idempotentProducers', 'batchesPerLife', 'partitions'] as const) {
    if (settings[size] > 1) less.push({ [size]: Math.ceil(settings[size] / 2) })
  }
  if (settings.middleLives > 0) less.push({ middleLives: 0 })
  if (Object.keys(settings.netFaults).length > 0) less.push({ netFaults: {} })
  return less.map((change) => ({ ...options, settings: { ...options.settings, ...change } }))
}

async function main(args: string[]): Promise<void> {
  if (args[0] === 'replay') {
    const cutAt = parseCut(args[2], args[3])
    await runBrokerOnce({ seed: Number(args[1]), cutAt, onNote: (line) => console.log(line) })
    return
  }
  const [seeds = 20, firstSeed = 0, maxCuts] = args.map(Number)
  const campaign = new Campaign(runBrokerOnce)
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const before = campaign.findings.length
    await campaign.everyCut({ seed }, maxCuts)
    // The earliest of a seed is enough: the later ones are mostly the same.
    const [first] = campaign.findings.slice(before)
    if (first !== undefined) console.log(await describeBrokerFinding(first))
  }
  const { runs, counts, findings } = campaign
  console.log({ runs, ...counts, recoveryCounters, findings: findings.length })
  process.exitCode = findings.length === 0 ? 0 : 1
}

if (import.meta.main) await main(process.argv.slice(2))
