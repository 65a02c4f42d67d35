// The small actors that make things go wrong for a real broker process, one after the other, each by
// its own name; how often each struck is counted.

import type { SeededRandom } from '../../../simulation/seeded-random.ts'
import type { History } from '../history.ts'
import type { Tally } from '../tally.ts'
import type { BrokerUnderTest } from './broker-under-test.ts'

/** What faults act upon. */
export interface Target {
  readonly broker: BrokerUnderTest
  readonly random: SeededRandom
  readonly history: History
  readonly tally: Tally
  /** Starts the broker again where it has ended. */
  restart(): Promise<void>
  replay(): void
}

export type RealFault = (target: Target) => Promise<void>

const MAX_JUMP_MS = 20 * 60_000

export const realFaults: Readonly<Record<string, RealFault>> = {
  'kill -9': async ({ broker, restart }) => {
    await broker.kill()
    await restart()
  },
  'clean stop': async ({ broker, restart }) => {
    await broker.stop()
    await restart()
  },
  pause: async ({ broker, random }) => {
    broker.pause()
    await sleep(100 + random.below(900))
    broker.resume()
  },
  'full disk': async ({ broker, random }) => {
    for (const on of ['write', 'truncate'] as const) {
      broker.tell({ kind: 'disk', on, path: random.pick(['', 'topics/']), fails: 'no-space' })
    }
    await sleep(50 + random.below(400))
    await heal(broker)
  },
  'slow disk': async ({ broker, random }) => {
    const waitsMs = 20 + random.below(200)
    broker.tell({ kind: 'disk', on: 'sync', path: '', waitsMs })
    await sleep(300 + random.below(500))
    await heal(broker)
  },
  'I/O error': async ({ broker, random, restart }) => {
    const [on, path] = random.pick([
      ['sync', 'topics/'],
      ['sync', 'journal'],
      ['write', 'topics/'],
      ['sync', 'topics/__'],
    ] as const)
    broker.tell({ kind: 'disk', on, path, fails: 'io' })
    await sleep(50 + random.below(200))
    await broker.askCounts()
    // What is offline comes back with a restart only, and on a disk that is well.
    await broker.kill()
    await restart()
  },
  'clock jump': async ({ broker, random }) => {
    const byMs = Math.floor((2 * random.fraction() - 1) * MAX_JUMP_MS)
    broker.tell({ kind: 'clock', byMs })
  },
  'late duplicate burst': async ({ replay, random }) => {
    for (let count = 1 + random.below(10); count > 0; count--) replay()
  },
}

async function heal(broker: BrokerUnderTest): Promise<void> {
  broker.tell({ kind: 'heal' })
  await broker.askCounts()
}

/**
 * All of them in turn, shuffled anew each time, until it is told to end.
 * @param options.left those whose turn is still to come, from one round to the next
 */
export async function goWrong(
  target: () => Target,
  options: { isEnding: () => boolean; names: readonly string[]; left: string[]; restMs: number },
): Promise<void> {
  const { isEnding, names, left, restMs } = options
  while (!isEnding()) {
    const { random, history, tally } = target()
    await sleep(2 * random.fraction() * restMs)
    if (isEnding()) return
    if (left.length === 0) left.push(...names)
    const [name] = left.splice(random.below(left.length), 1)
    history.note('nemesis', { kind: 'fault', what: name! })
    await realFaults[name!]!(target())
    tally.count(`fault ${name}`)
    history.note('nemesis', { kind: 'fault', what: `${name} is over` })
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
