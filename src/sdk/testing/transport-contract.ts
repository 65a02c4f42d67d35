// The contract of transports: the rules that every engine keeps, run against one. Whoever calls it
// pins the row of capabilities that the engine must show, so that an adapter cannot excuse itself.

import { after, before, describe, it, type TestContext } from 'node:test'
import { keepProcessAlive } from '../../host/keep-alive.ts'
import { nodeClock, nodeRandom, nodeTimers } from '../../host/node-host.ts'
import type { Capabilities } from '../transport/capabilities.ts'
import type { Engine } from '../transport/transport.ts'
import { administrationRules } from './contract/administration-rules.ts'
import { transportRules } from './contract/closing-rules.ts'
import { groupRules } from './contract/group-rules.ts'
import { producingRules } from './contract/producing-rules.ts'
import { readingRules } from './contract/reading-rules.ts'
import { rebalanceRules } from './contract/rebalance-rules.ts'
import {
  type ContractRun,
  type Disturbances,
  missing,
  type Rule,
  type Timing,
} from './contract/rule.ts'
import { transactionRules } from './contract/transaction-rules.ts'
import { eventStoreRules } from './event-store-contract.ts'

export const contractRules: Readonly<Record<string, readonly Rule[]>> = {
  'The transport': transportRules,
  Producers: producingRules,
  'Reading by partition': readingRules,
  'A member of a group': groupRules,
  'Groups of several members': rebalanceRules,
  Transactions: transactionRules,
  Administration: administrationRules,
  ...eventStoreRules,
}

/** What is known of an engine under the contract without running it. */
export interface Pinned {
  readonly name: string
  readonly row: Capabilities
  /** Rules that are not tried on it, by id, each with the reason. */
  readonly blanks: Readonly<Record<string, string>>
}

export interface TransportContract extends Pinned {
  /** Called once. Topics and groups get names of their own: the cluster may be in use. */
  engine(): Promise<Engine>
  readonly timing?: Partial<Timing>
  /** What can be done to the engine from outside; a rule that needs one that is missing is a blank. */
  readonly disturb?: Partial<Disturbances>
  /** How many rules run at the same time. */
  readonly concurrency?: number
  close?(): Promise<void>
}

const DEFAULT_TIMING: Timing = {
  sessionTimeoutMs: 6_000,
  rebalanceTimeoutMs: 3_000,
  deadlineMs: 30_000,
}
const LOOK_AGAIN_MS = 5
/** A rule waits for several things; one that hangs ends all the same. */
const DEADLINES_PER_RULE = 4

export function transportContract(contract: TransportContract): void {
  const timing = { ...DEFAULT_TIMING, ...contract.timing }
  describe(`the contract of transports holds for ${contract.name}`, () => {
    let engine: Engine
    const letProcessEnd = keepProcessAlive()
    before(async () => {
      engine = await contract.engine()
    })
    after(async () => {
      await contract.close?.()
      letProcessEnd()
    })

    it('its blanks name rules that exist', () => checkBlanks(contract))
    for (const [chapter, rules] of Object.entries(contractRules)) {
      describe(chapter, { concurrency: contract.concurrency ?? 1 }, () => {
        for (const rule of rules) {
          if (blankOf(rule, contract) !== undefined) continue
          const timeout = timing.deadlineMs * DEADLINES_PER_RULE
          it(`${rule.title} (${rule.id})`, { timeout }, (t) => {
            const run = new Run(t, engine, contract, timing)
            return rule.try(run)
          })
        }
      })
    }
  })
}

/** Why a rule is not tried on an engine; undefined when it is. */
export function blankOf(rule: Rule, pinned: Pinned): string | undefined {
  const lacks = missing(pinned.row, rule.needs)
  return lacks.length > 0 ? `the engine has no ${lacks.join(', ')}` : pinned.blanks[rule.id]
}

function checkBlanks({ blanks, disturb }: TransportContract): void {
  const rules = Object.values(contractRules).flat()
  for (const id of Object.keys(blanks)) {
    if (!rules.some((rule) => rule.id === id)) throw new Error(`There is no rule ${id}.`)
  }
  for (const { id, uses } of rules) {
    if (uses === undefined || disturb?.[uses] !== undefined || id in blanks) continue
    throw new Error(`Rule ${id} needs to ${uses}: give it, or say why not in a blank.`)
  }
}

export class Run implements ContractRun {
  readonly engine: Engine
  readonly row: Capabilities
  readonly timing: Timing
  readonly disturb: Partial<Disturbances>
  readonly signal: AbortSignal
  readonly #test: TestContext

  constructor(test: TestContext, engine: Engine, contract: TransportContract, timing: Timing) {
    this.engine = engine
    this.row = contract.row
    this.timing = timing
    this.disturb = contract.disturb ?? {}
    this.#test = test
    const over = new AbortController()
    const timer = nodeTimers.after(timing.deadlineMs, () => over.abort())
    test.after(() => {
      timer.cancel()
      over.abort()
    })
    this.signal = over.signal
  }

  async open() {
    const transport = await this.engine.open({
      service: 'contract',
      onWarning: (message) => this.#test.diagnostic(message),
    })
    this.#test.after(() => transport.close())
    return transport
  }

  async topic(transport: Awaited<ReturnType<Engine['open']>>, partitions = 1): Promise<string> {
    const name = this.uniqueName()
    await transport.administration.ensureTopics([{ name, partitions }])
    return name
  }

  uniqueName(): string {
    return `contract-${nodeRandom.uuid()}`
  }

  async until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const deadlineMs = nodeClock.monotonicMs() + this.timing.deadlineMs
    while (!(await condition())) {
      if (nodeClock.monotonicMs() > deadlineMs) {
        throw new Error(`Waited ${this.timing.deadlineMs} ms for ${what}, and it did not come.`)
      }
      await this.pass(LOOK_AGAIN_MS)
    }
  }

  pass(durationMs: number): Promise<void> {
    return new Promise((resolve) => {
      nodeTimers.after(durationMs, resolve)
    })
  }
}
