// The campaign on the log. The short form is in log-crash.test.ts; the long:
//   node test/simulation/crash/campaign.ts SEEDS [FIRST_SEED]
// and one run again, with everything that happened in it:
//   node test/simulation/crash/campaign.ts replay SEED write|sync|end [INDEX]
import { recoveryCounters } from '../../../src/broker/log/recovery-counters.ts'
import { Campaign, describeFinding, parseCut } from '../campaign.ts'
import { runOnce } from './log-run.ts'

export const LOG_COMMAND = 'node test/simulation/crash/campaign.ts'

async function main(args: string[]): Promise<void> {
  if (args[0] === 'replay') {
    const cutAt = parseCut(args[2], args[3])
    await runOnce({ seed: Number(args[1]), cutAt, onNote: (line) => console.log(line) })
    return
  }
  const [seeds = 100, firstSeed = 0] = args.map(Number)
  const campaign = new Campaign(runOnce)
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const before = campaign.findings.length
    await campaign.everyCut({ seed })
    for (const finding of campaign.findings.slice(before)) {
      console.log(describeFinding(finding, LOG_COMMAND))
    }
  }
  const { runs, counts, findings } = campaign
  console.log({ runs, ...counts, recoveryCounters, findings: findings.length })
  process.exitCode = findings.length === 0 ? 0 : 1
}

if (import.meta.main) await main(process.argv.slice(2))
