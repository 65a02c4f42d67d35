// The contract of transports, and delayed events, against a real Apache Kafka, by both group protocols:
// one that is named in MILLRACE_TEST_KAFKA and was started with kafka.properties of this folder, else
// the pinned one, which `scripts/services` installs with Maven. Run by `npm run test:transports`.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { kafka } from '../../src/transports/kafka/kafka.ts'
import { pinned } from '../contract/pinned.ts'
import { delayedSuite } from '../support/delayed-suite.ts'
import { kafkaContract } from '../support/kafka-contract.ts'

const SERVICES = join(import.meta.dirname, '../../scripts/services')
const CONFIG = join(import.meta.dirname, 'kafka.properties')
const PORT = '19394'
const SESSION_TIMEOUT_MS = 3000

const named = process.env['MILLRACE_TEST_KAFKA']
const address = named ?? `127.0.0.1:${PORT}`
if (named === undefined) {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-transports-'))
  const services = (...args: string[]) => {
    execFileSync(SERVICES, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  }
  services('prepare', 'kafka')
  services('start', 'kafka', '--port', PORT, '--data', folder, '--config', CONFIG)
  after(() => {
    services('stop', 'kafka', '--data', folder)
    rmSync(folder, { recursive: true, force: true })
  })
}

for (const [cluster, groupProtocol] of [
  [pinned.kafka, 'consumer'],
  [pinned.kafkaClassic, 'classic'],
] as const) {
  kafkaContract({
    ...cluster,
    options: () => ({ brokers: address, groupProtocol }),
    timing: { sessionTimeoutMs: SESSION_TIMEOUT_MS, rebalanceTimeoutMs: 1500, deadlineMs: 40_000 },
  })
  delayedSuite({
    name: cluster.name,
    engine: async () => kafka({ brokers: address, groupProtocol }),
  })
}
