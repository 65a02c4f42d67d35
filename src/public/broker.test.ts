import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import {
  type BrokerOptions,
  ConfigError,
  FolderInUseError,
  NetError,
  startBroker,
  UnknownFormatError,
} from './broker.ts'

function newFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-door-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function reasonOf(options: BrokerOptions): Promise<unknown> {
  return startBroker(options).then(
    () => assert.fail('it started'),
    (error) => error,
  )
}

describe('whoever starts a broker in process can tell why it did not start', () => {
  it('a setting that cannot be', async () => {
    const error = await reasonOf({ memory: true, config: { 'num.partitions': 'many' } })

    assert.ok(error instanceof ConfigError)
  })

  it('a folder that somebody has, and an address that is taken', async (t) => {
    const folder = newFolder(t)
    await using broker = await startBroker({ folder, listen: '127.0.0.1:0' })
    const { host, port } = broker.addresses[0]!

    const inUse = await reasonOf({ folder, listen: false })
    const taken = await reasonOf({ memory: true, listen: `${host}:${port}` })

    assert.ok(inUse instanceof FolderInUseError)
    assert.equal(inUse.pid, process.pid)
    assert.ok(taken instanceof NetError)
  })

  it('a folder of another version', async (t) => {
    const folder = newFolder(t)
    await startBroker({ folder, listen: false }).then((broker) => broker.close())
    writeFileSync(join(folder, 'format'), '999\n')

    assert.ok((await reasonOf({ folder, listen: false })) instanceof UnknownFormatError)
  })
})
