// The verbs against a real Apache Kafka: one that is named in MILLRACE_TEST_KAFKA, else the pinned
// one, which `scripts/services` installs with Maven. Run by `npm run test:cli-kafka`.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { runCommand } from './memory-terminal.ts'
import { cliSuite } from './suite.ts'

const SERVICES = join(import.meta.dirname, '../../scripts/services')
const PORT = '19392'

describe('the command against Apache Kafka', () => {
  const named = process.env['MILLRACE_TEST_KAFKA']
  const folder = mkdtempSync(join(tmpdir(), 'millrace-cli-kafka-'))
  const services = (...args: string[]) => {
    execFileSync(SERVICES, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  }

  before(() => {
    if (named !== undefined) return
    services('prepare', 'kafka')
    services('start', 'kafka', '--port', PORT, '--data', folder)
  })
  after(() => {
    if (named === undefined) services('stop', 'kafka', '--data', folder)
    rmSync(folder, { recursive: true, force: true })
  })

  const broker = () => named ?? `127.0.0.1:${PORT}`

  cliSuite(broker)

  it('an event store is refused in a sentence: Kafka has none', async () => {
    const topic = `plain-${randomUUID()}`
    const env = { MILLRACE_BROKER: broker() }
    const append = ['stream', 'append', 'a', '--type', 'T', '--data', '{}']

    const made = await runCommand([...append, '--expected-version', 'none'], { env })
    await runCommand(['topic', 'create', topic], { env })
    const read = await runCommand(['stream', 'read', 'a', '--store', topic], { env })

    assert.deepEqual([made.exitCode, read.exitCode], [2, 2])
    assert.match(made.stderr, /^error: .* has no event stores.*--broker/)
    assert.match(read.stderr, /^error: Topic .* is no event store/)
  })
})
