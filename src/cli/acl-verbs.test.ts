// Access rules from the command: at a running broker, and in the folder of one that does not run.

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { runCommand } from '../../test/cli/memory-terminal.ts'
import { type Broker, startBroker } from '../broker/broker.ts'
import { formatAddress } from './client/address.ts'

const config = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:ANONYMOUS',
}

const lines = (text: string) => text.split('\n').filter((line) => line !== '')

describe('millrace acl', () => {
  let broker: Broker
  before(async () => {
    broker = await startBroker({ memory: true, listen: '127.0.0.1:0', config })
  })
  after(() => broker.close())

  const run = (args: readonly string[]) =>
    runCommand(['acl', ...args], { env: { MILLRACE_BROKER: formatAddress(broker.addresses[0]!) } })
  const ok = async (...args: readonly string[]) => {
    const { exitCode, stdout, stderr } = await run(args)
    assert.equal(exitCode, 0, stderr)
    return lines(stdout)
  }

  it('adds a rule, lists it by whom and on what, and removes it', async () => {
    const rule = 'TOPIC\tLITERAL\torders\tUser:alice\t*\tREAD\tALLOW'

    assert.deepEqual(await ok('add', 'alice', '-o', 'read', '--topic', 'orders'), [rule])
    assert.deepEqual(await ok('ls', '--principal', 'alice'), [rule])
    assert.deepEqual(await ok('ls', '--topic', 'orders', '--allow'), [rule])
    assert.deepEqual(await ok('ls', '--principal', 'bob'), [])
    assert.deepEqual(await ok('rm', '--principal', 'alice', '--dry-run'), [rule])
    assert.deepEqual(await ok('rm', '--principal', 'alice', '--yes'), [rule])
    assert.deepEqual(await ok('ls'), [])
  })

  it('adds what a producer and what a consumer need, as kafka-acls does', async () => {
    const producer = await ok(
      ...['add', 'alice', '--producer', '--topic', 'orders', '--transactional-id', 'tx'],
    )
    const consumer = await ok('add', 'bob', '--consumer', '--topic', 'orders', '--group', 'team')

    assert.deepEqual(producer, [
      'TOPIC\tLITERAL\torders\tUser:alice\t*\tCREATE\tALLOW',
      'TOPIC\tLITERAL\torders\tUser:alice\t*\tDESCRIBE\tALLOW',
      'TOPIC\tLITERAL\torders\tUser:alice\t*\tWRITE\tALLOW',
      'TRANSACTIONAL_ID\tLITERAL\ttx\tUser:alice\t*\tDESCRIBE\tALLOW',
      'TRANSACTIONAL_ID\tLITERAL\ttx\tUser:alice\t*\tWRITE\tALLOW',
    ])
    assert.deepEqual(consumer, [
      'GROUP\tLITERAL\tteam\tUser:bob\t*\tREAD\tALLOW',
      'TOPIC\tLITERAL\torders\tUser:bob\t*\tDESCRIBE\tALLOW',
      'TOPIC\tLITERAL\torders\tUser:bob\t*\tREAD\tALLOW',
    ])
    await ok('rm', '--all', '--yes')
  })

  it('takes prefixes, hosts, the cluster and denials', async () => {
    await ok('add', 'carol', '-o', 'describe-configs', '--topic', 'team.', '--prefixed')
    await ok('add', 'User:*', '-o', 'all', '--cluster', '--deny', '--host', '10.0.0.1')

    assert.deepEqual(await ok('ls', '--topic', 'team.orders', '--applying'), [
      'TOPIC\tPREFIXED\tteam.\tUser:carol\t*\tDESCRIBE_CONFIGS\tALLOW',
    ])
    assert.deepEqual(await ok('ls', '--deny'), [
      'CLUSTER\tLITERAL\tkafka-cluster\tUser:*\t10.0.0.1\tALL\tDENY',
    ])
    assert.equal((await ok('rm', '--all', '--yes')).length, 2)
  })

  it('refuses what says too little, and removes nothing by mistake', async () => {
    for (const args of [
      ['add', 'alice'],
      ['add', 'alice', '-o', 'read'],
      ['add', 'alice', '--consumer', '--topic', 'orders'],
      ['add', 'alice', '-o', 'fly', '--topic', 'orders'],
      ['rm', '--yes'],
      ['ls', '--topic', 'a', '--group', 'b'],
    ]) {
      assert.equal((await run(args)).exitCode, 2, args.join(' '))
    }
    assert.equal((await run(['rm', '--principal', 'nobody', '--yes'])).exitCode, 3)
  })
})

describe('millrace acl --data', () => {
  const newFolder = (t: TestContext) => {
    const parent = mkdtempSync(join(tmpdir(), 'millrace-acl-'))
    t.after(() => rmSync(parent, { recursive: true }))
    return join(parent, 'data')
  }

  it('makes rules in a folder before any broker runs, and the broker obeys them', async (t) => {
    const folder = newFolder(t)
    const rule = ['-o', 'describe', '--topic', 'orders']
    const added = await runCommand(['acl', 'add', 'ANONYMOUS', ...rule, '--data', folder])
    assert.equal(added.exitCode, 0, added.stderr)
    const listed = await runCommand(['acl', 'ls', '--data', folder])
    assert.equal(listed.stdout, added.stdout)

    const running = { folder, listen: '127.0.0.1:0', config: { ...config, 'super.users': '' } }
    const broker = await startBroker(running)
    const env = { MILLRACE_BROKER: formatAddress(broker.addresses[0]!) }
    const describe = (topic: string) => runCommand(['topic', 'describe', topic], { env })

    try {
      assert.equal((await describe('orders')).exitCode, 3, 'it may know that there is none')
      assert.equal((await describe('secret')).exitCode, 4)
      const inUse = await runCommand(['acl', 'ls', '--data', folder])
      assert.match(inUse.stderr, /in use by process \d+: stop it first/)
    } finally {
      await broker.close()
    }
  })

  it('makes no folder to look for rules in', async (t) => {
    const folder = newFolder(t)

    const { exitCode, stderr } = await runCommand(['acl', 'ls', '--data', folder])

    assert.equal(exitCode, 2)
    assert.match(stderr, /no data folder of Millrace/)
    assert.ok(!existsSync(folder))
  })
})
