// The campaign on the log. The short form is in log-crash.test.ts; the long:
//   node test/simulation/crash/campaign.ts SEEDS [FIRST_SEED]
// and one run again, with everything that happened in it:
//   node test/simulation/crash/campaign.ts replay SEED write|sync|end [INDEX]
// Both with --compacted for workloads whose partitions are compacted meanwhile.
import { recoveryCounters } from '../../../src/broker/log/recovery-counters.ts'
import { Campaign, describeFinding, parseCut } from '../campaign.ts'
import { runOnce } from './log-run.ts'

export const LOG_COMMAND = 'node test/simulation/crash/campaign.ts'

/** Small segments, so that there is something to compact from the start. */
export const compactedSettings = {
  isCompacted: true,
  partitions: 2,
  batchesPerProducer: 14,
  segmentBytes: 2500,
  valueBytes: 330,
} as const
export const COMPACTED_COMMAND = `${LOG_COMMAND} --compacted`

async function main(all: string[]): Promise<void> {
  const args = all.filter((arg) => arg !== '--compacted')
  const isCompacted = all.length > args.length
  const options = isCompacted ? { settings: compactedSettings } : {}
  const command = isCompacted ? COMPACTED_COMMAND : LOG_COMMAND
  if (args[0] === 'replay') {
    const cutAt = parseCut(args[2], args[3])
    const onNote = (line: string) => console.log(line)
    await runOnce({ ...options, seed: Number(args[1]), cutAt, onNote })
    return
  }
  const [seeds = 100, firstSeed = 0] = args.map(Number)
  const campaign = new Campaign(runOnce)
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const before = campaign.findings.length
    await campaign.everyCut({ ...options, seed })
    for (const finding of campaign.findings.slice(before)) {
      console.log(describeFinding(finding, command))
    }
  }
  const { runs, counts, findings } = campaign
  console.log({ runs, ...counts, recoveryCounters, findings: findings.length })
  process.exitCode = findings.length === 0 ? 0 : 1
}

if (import.meta.main) await main(process.argv.slice(2))
