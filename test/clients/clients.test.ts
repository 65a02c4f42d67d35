// Real clients against a running broker, as a matrix of client by ability.
//   npm run test:clients -- [--target millrace|kafka] [--only CLIENT[,CLIENT]] [--write]
// `--target kafka` is the control: the same cells against Apache Kafka prove the tests themselves.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { parseArgs } from 'node:util'
import { abilitiesOn } from './abilities.ts'
import { clients, prepare } from './clients.ts'
import { assertUnchanged, runBoth } from './kafka-java.ts'
import { limitOf } from './limits.ts'
import { Matrix } from './matrix.ts'
import { matrixPage, matrixPagePath, printedMatrix } from './matrix-page.ts'
import { Target, type TargetName } from './target.ts'

/** What `scripts/services prepare` calls the example. */
const EXAMPLE = 'kafka-java'

// A signal alone would end this process without its 'exit', where the broker is taken along.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const { values: options } = parseArgs({
  options: {
    target: { type: 'string', default: 'millrace' },
    only: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
  },
})
const targetName = targetNamed(options.target)
const only = new Set(options.only.split(',').filter((id) => id !== ''))
const chosen = clients.filter(({ id }) => only.size === 0 || only.has(id))
const missing = await prepareAll()
const abilities = abilitiesOn(targetName)
const hasExample = only.size === 0 && !missing.has(EXAMPLE)
const present = chosen.filter(({ service }) => !missing.has(service))

describe(`real clients against ${targetName}`, { concurrency: true }, () => {
  const matrix = new Matrix(present, abilities)
  let hasFailed = false
  let target: Target | undefined
  let running: Promise<void>

  before(async () => {
    target = await Target.start(targetName)
    running = matrix.run(target)
  })

  after(async () => {
    await running
    await target?.stop()
    console.log(await printedMatrix(matrix, present))
    if (options.write && !hasFailed && present.length === clients.length) {
      writeFileSync(matrixPagePath, matrixPage())
    }
  })

  for (const [service, reason] of missing) {
    it(`${service} can be prepared on this machine`, () => {
      if (process.env['CI'] === 'true') assert.fail(reason)
      console.log(`${service} is left out: ${reason}`)
    })
  }

  if (hasExample) {
    it('the two programs of the example print user123', async () => {
      await running

      assertUnchanged()
      await runBoth(target!.bootstrap)
    })
  }

  for (const client of present) {
    describe(client.name, { concurrency: true }, () => {
      it('is of the version that the table names', async () => {
        assert.equal(await matrix.version(client), client.version)
      })

      for (const ability of abilities) {
        const limit = limitOf(client, ability)
        const title = limit === undefined ? ability.name : `${ability.name}: ${limit.reason}`
        it(title, async () => {
          const outcome = await matrix.cell(client, ability)
          hasFailed ||= (outcome.kind === 'pass') !== (limit === undefined)
          if (limit === undefined) {
            if (outcome.kind !== 'pass') throw outcome.error
          } else {
            assert.notEqual(outcome.kind, 'pass', 'limits.ts says that it cannot, but it can')
            if (outcome.kind !== 'pass') assert.match(outcome.error.message, limit.says)
          }
        })
      }
    })
  }
})

function targetNamed(name: string): TargetName {
  if (name === 'millrace' || name === 'kafka') return name
  throw new Error(`--target is millrace or kafka, not ${name}`)
}

/** @returns what this machine cannot run, with the reason */
async function prepareAll(): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  const services = new Set(chosen.map(({ service }) => service))
  if (targetName === 'kafka') services.add('kafka')
  if (only.size === 0) services.add(EXAMPLE)
  for (const service of services) {
    const reason = await prepare(service)
    if (reason !== null) found.set(service, reason)
  }
  return found
}
