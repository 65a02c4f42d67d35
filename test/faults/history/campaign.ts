// Many runs of the checker in both worlds, one seed after the other:
//   node test/faults/history/campaign.ts                         short: some seeds, some rounds
//   node test/faults/history/campaign.ts --minutes 60 --seed 7   as long as that
//   node test/faults/history/campaign.ts --simulated 372         one simulated run again, all of it printed
//   node test/faults/history/campaign.ts --bugs                  how each seeded bug is found
//   --json FILE                                                  adds a line for docs/reliability.md
// Whatever is found is printed as the smallest history that shows it, and ends the campaign with 1; so
// does a fault, a branch of recovery or a refusal that was never met.

import { execFileSync } from 'node:child_process'
import { appendFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { BugLine, CampaignLine } from './campaign-lines.ts'
import type { Anomaly } from './checker/anomaly.ts'
import { describe, line } from './checker/smallest.ts'
import type { Operation } from './operations.ts'
import { RealWorld } from './real/real-run.ts'
import { requiredOfLong, requiredOfReality, requiredOfSimulation } from './required.ts'
import { findSeededBug } from './simulated/find-seeded-bug.ts'
import { seededBugs } from './simulated/seeded-bugs.ts'
import { runSimulated } from './simulated/simulated-run.ts'
import { Tally } from './tally.ts'

const COMMAND = 'node test/faults/history/campaign.ts'
/** More than the first number only while something was not met that has to be. */
const SHORT = {
  ...{ simulatedRuns: 60, maxSimulatedRuns: 180 },
  ...{ rounds: 3, maxRounds: 10, workMs: 8_000 },
}
const LONG = { simulatedRunsPerRound: 25, workMs: 15_000 }
const MS_PER_MINUTE = 60_000
/** A run of so long has to meet what is rare, too. */
const LONG_MINUTES = 30
/** Between two simulated runs: an hour of it shall leave others their part of the machine. */
const SHARE_OF_CORE = 0.55

class Found extends Error {}

class Campaign {
  readonly simulated = new Tally()
  readonly real = new Tally()
  readonly #startedMs = performance.now()
  #nextSeed: number

  constructor(seed: number) {
    this.#nextSeed = seed
  }

  get minutes(): number {
    return (performance.now() - this.#startedMs) / MS_PER_MINUTE
  }

  async simulate(): Promise<void> {
    const seed = this.#nextSeed++
    const { anomalies, operations, tally } = await runSimulated({ seed })
    this.simulated.add(tally.counts)
    report(anomalies, operations, `${COMMAND} --simulated ${seed}`)
  }

  async round(world: RealWorld, workMs: number): Promise<void> {
    const seed = this.#nextSeed++
    const { anomalies, operations } = await world.round({ seed, workMs })
    if (anomalies.length > 0) {
      const file = join(tmpdir(), `millrace-history-${seed}.jsonl`)
      writeFileSync(file, operations.map((one) => `${JSON.stringify(one)}\n`).join(''))
      console.log(world.output)
      console.log(`the folder is kept: ${world.folder}; the whole history: ${file}`)
    }
    const again = `${COMMAND} --minutes ${Math.ceil(this.minutes)} --seed ${seed}`
    report(anomalies, operations, `${again} (a real process: not the very same again)`)
  }
}

function report(
  anomalies: readonly Anomaly[],
  operations: readonly Operation[],
  again: string,
): void {
  const [first] = anomalies
  if (first === undefined) return
  const kinds = [...new Set(anomalies.map(({ kind }) => kind))].join(', ')
  const story = describe(first, operations)
  throw new Found(`${anomalies.length} found (${kinds}); ${again}\n${story}`)
}

async function runShort(campaign: Campaign): Promise<string[]> {
  const missingInSimulation = () => campaign.simulated.missing(requiredOfSimulation)
  for (let run = 0; run < SHORT.maxSimulatedRuns; run++) {
    if (run >= SHORT.simulatedRuns && missingInSimulation().length === 0) break
    await campaign.simulate()
  }
  await using world = new RealWorld(campaign.real)
  const missing = () => campaign.real.missing(requiredOfReality)
  for (let round = 0; round < SHORT.maxRounds; round++) {
    if (round >= SHORT.rounds && missing().length === 0) break
    await campaign.round(world, SHORT.workMs)
  }
  world.removeFolder()
  return [...missingInSimulation(), ...missing()]
}

async function runLong(campaign: Campaign, minutes: number): Promise<string[]> {
  await using world = new RealWorld(campaign.real)
  while (campaign.minutes < minutes) {
    for (let run = 0; run < LONG.simulatedRunsPerRound; run++) {
      const startedMs = performance.now()
      await campaign.simulate()
      const rest = ((performance.now() - startedMs) * (1 - SHARE_OF_CORE)) / SHARE_OF_CORE
      await new Promise((resolve) => setTimeout(resolve, rest))
    }
    await campaign.round(world, LONG.workMs)
    const { simulated, real } = campaign
    const done = `${simulated.get('runs')} runs, ${real.get('rounds')} rounds`
    console.log(`${campaign.minutes.toFixed(1)} min: ${done}, nothing found`)
  }
  world.removeFolder()
  const all = new Tally()
  all.add(campaign.simulated.counts)
  all.add(campaign.real.counts)
  return [
    ...campaign.simulated.missing(requiredOfSimulation),
    ...campaign.real.missing(requiredOfReality),
    ...(minutes >= LONG_MINUTES ? all.missing(requiredOfLong) : []),
  ]
}

function printTable(campaign: Campaign): void {
  const names = new Set([
    ...Object.keys(campaign.simulated.counts),
    ...Object.keys(campaign.real.counts),
  ])
  const row = (name: string, simulated: string, real: string) =>
    `${name.padEnd(45)} ${simulated.padStart(12)} ${real.padStart(12)}`
  console.log(row('', 'simulated', 'real'))
  for (const name of [...names].sort()) {
    const counts = [campaign.simulated, campaign.real].map((tally) => String(tally.get(name)))
    console.log(row(name, counts[0]!, counts[1]!))
  }
}

async function runBugs(write: (line: BugLine) => void): Promise<void> {
  for (const [bug, seeded] of Object.entries(seededBugs)) {
    const found = await findSeededBug(seeded)
    if (found === undefined) throw new Found(`not found: ${bug}`)
    const { seed, runs, anomaly } = found
    console.log(`${bug}: seed ${seed}: ${anomaly.kind}: ${anomaly.what}`)
    write({
      ...{ kind: 'bug', git: gitHead(), bug, seed, runs },
      ...{ seenAs: anomaly.kind, what: anomaly.what },
    })
  }
}

async function replay(seed: number): Promise<void> {
  const { anomalies, operations } = await runSimulated({ seed })
  for (const operation of operations) console.log(line(operation))
  report(anomalies, operations, `${COMMAND} --simulated ${seed}`)
}

function gitHead(): string {
  return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string' },
      seed: { type: 'string', default: '1' },
      simulated: { type: 'string' },
      bugs: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  })
  const write = (one: CampaignLine | BugLine) => {
    if (values.json !== undefined) appendFileSync(values.json, `${JSON.stringify(one)}\n`)
  }
  if (values.bugs) return await runBugs(write)
  if (values.simulated !== undefined) return await replay(Number(values.simulated))
  const seed = Number(values.seed)
  const campaign = new Campaign(seed)
  const { minutes } = values
  const missing =
    minutes === undefined ? await runShort(campaign) : await runLong(campaign, Number(minutes))
  printTable(campaign)
  const length = minutes === undefined ? '' : ` --minutes ${minutes}`
  const command = `npm run test:history --${length} --seed ${seed}`
  write({
    ...{ kind: 'campaign', git: gitHead(), seed, command, minutes: Math.round(campaign.minutes) },
    ...{ simulated: campaign.simulated.counts, real: campaign.real.counts },
  })
  if (missing.length > 0) throw new Found(`never met, from seed ${seed} on: ${missing.join(', ')}`)
  console.log(`nothing found from seed ${seed} on, in ${campaign.minutes.toFixed(1)} minutes`)
}

try {
  await main()
} catch (error) {
  if (!(error instanceof Found)) throw error
  console.log(error.message)
  process.exitCode = 1
}
