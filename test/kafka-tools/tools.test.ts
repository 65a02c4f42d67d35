// Kafka's command-line tools and its Admin client get from this broker what they get from Kafka 4.3.1
// (kafka-4.3.1.txt, written by record.ts), but for the differences that are named here with a reason.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { startBroker } from '../../src/broker/broker.ts'
import { parseProperties } from '../../src/broker/catalog/properties-file.ts'
import { compare } from './compare.ts'
import {
  aclSettingsPath,
  formatOutcomes,
  parseOutcomes,
  recordedAclPath,
  recordedPath,
  runAclTool,
  runAgainst,
} from './setup.ts'

const services = resolve(import.meta.dirname, '../../scripts/services')

describe("Kafka's own tools", () => {
  it('print what they print of Apache Kafka, but for the named differences', async (t) => {
    execFileSync(services, ['prepare', 'kafka'], { stdio: 'inherit' })
    const libraries = execFileSync(services, ['path', 'kafka'], { encoding: 'utf8' }).trim()
    const folder = await mkdtemp(join(tmpdir(), 'millrace-tools-'))
    t.after(() => rm(folder, { recursive: true }))
    await using broker = await startBroker({ folder, listen: '127.0.0.1:0' })
    const [address] = broker.addresses
    const kafka = parseOutcomes(await readFile(recordedPath, 'utf8'))

    const ours = await runAgainst(`${address!.host}:${address!.port}`, `${libraries}/lib`)

    const { cases, needless } = compare(ours, kafka)
    assert.deepEqual([...ours.keys()], [...kafka.keys()])
    for (const { name, outcome, expected } of cases) assert.equal(outcome, expected, name)
    assert.deepEqual(needless, [], 'these do not differ any more')
  })

  it('make, list and remove access rules as at Apache Kafka', async () => {
    execFileSync(services, ['prepare', 'kafka'], { stdio: 'inherit' })
    const libraries = execFileSync(services, ['path', 'kafka'], { encoding: 'utf8' }).trim()
    const settings = parseProperties(await readFile(aclSettingsPath, 'utf8'))
    const config = Object.fromEntries(settings.map(({ key, value }) => [key, value]))
    await using broker = await startBroker({ memory: true, listen: '127.0.0.1:0', config })
    const [address] = broker.addresses

    const ours = await runAclTool(`${address!.host}:${address!.port}`, `${libraries}/lib`)

    assert.equal(formatOutcomes(ours), await readFile(recordedAclPath, 'utf8'))
  })
})
