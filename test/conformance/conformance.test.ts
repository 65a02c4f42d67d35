// Independent software as its registry has it, run against Millrace; each row is a pass or names the
// checks that fail with a reason (known.ts). docs/conformance.md is made from what came out.
//   npm run conformance -- [--quick] [--only ROW[,ROW]] [--target kafka] [--seed N] [--write]
// `--quick` is the form of .ci/run. `--target kafka` is the control: it tells whose a failure is.
// `--write` keeps the results and makes the page again.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it, type TestContext } from 'node:test'
import { parseArgs, promisify } from 'node:util'
import { root, startBrokerFor, type TargetName } from './broker.ts'
import { conformancePage, conformancePagePath } from './page.ts'
import { type Result, resultOf, surprisesOf, writeResults } from './results.ts'
import type { Row } from './row.ts'
import { rows } from './rows.ts'

const ROW_DEADLINE_MS = 3_600_000

// A signal alone would end this process without its 'exit', where its children are taken along.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    console.error(`ended by ${signal}`)
    process.exit(1)
  })
}

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    target: { type: 'string', default: 'millrace' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    write: { type: 'boolean', default: false },
  },
})
const target: TargetName = options.target === 'kafka' ? 'kafka' : 'millrace'
const only = options.only.split(',').filter((id) => id !== '')
const unknown = only.filter((id) => rows.every((row) => row.id !== id))
if (unknown.length > 0)
  throw new Error(`no such row: ${unknown}; rows: ${rows.map(({ id }) => id)}`)
const chosen = rows.filter(({ id, isQuick }) =>
  only.length > 0 ? only.includes(id) : isQuick || !options.quick,
)
const execute = promisify(execFile)

describe(`other people's software on ${target}`, () => {
  const results: Record<string, Result> = {}

  after(() => {
    if (!options.write) return
    return writeFile(conformancePagePath, conformancePage(writeResults(target, results)))
  })

  for (const row of chosen) {
    it(`${row.id}: ${row.software}`, { timeout: ROW_DEADLINE_MS }, async (t) => {
      const result = await run(row, t)

      results[row.id] = result
      t.diagnostic(`${result.passed} passed, ${result.failed.length} failed, ${result.seconds} s`)
      if (result.seen !== undefined) t.diagnostic(result.seen)
      for (const { name, failure } of result.failed) t.diagnostic(`failed: ${name}: ${failure}`)
      assert.ok(result.passed > 0, 'nothing passed')
      // The control may fail in other places: what it says is kept for who reads the page.
      if (target === 'millrace') assert.deepEqual(surprisesOf(row.id, result), [])
    })
  }
})

async function run(row: Row, t: TestContext): Promise<Result> {
  for (const service of row.services) {
    await execute(join(root, 'scripts/services'), ['prepare', service])
  }
  const folder = await mkdtemp(join(tmpdir(), 'millrace-conformance-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const startedAt = Date.now()
  const broker = await startBrokerFor(target, join(folder, 'data'), row.configs)
  const closers = [() => broker.stop()]
  try {
    const outcome = await row.run({
      target,
      broker,
      folder,
      size: options.quick ? 'quick' : 'full',
      seed: Number(options.seed),
      atEnd: (close) => closers.push(async () => void (await close())),
    })
    const seconds = Math.round((Date.now() - startedAt) / 1000)
    return resultOf(outcome, new Date().toISOString().slice(0, 10), seconds)
  } catch (error) {
    t.diagnostic(`seed ${options.seed}; the broker:\n${broker.output().slice(-4000)}`)
    throw error
  } finally {
    for (const close of closers.reverse()) await close()
  }
}
