// The verbs against a real Apache Kafka: one that is named in MILLRACE_TEST_KAFKA, else the pinned
// one, which `scripts/services` installs with Maven. Run by `npm run test:cli-kafka`.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe } from 'node:test'
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

  cliSuite(() => named ?? `127.0.0.1:${PORT}`)
})
