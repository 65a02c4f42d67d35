// docs/security.md, tried: the rules of its blocks are enough for who they are for, and no rule is too
// many. Whoever the page calls alice comes by a plain listener here: she is ANONYMOUS.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { runCommand } from '../../test/cli/memory-terminal.ts'
import { KafkaClient } from '../../test/support/kafka-client.ts'
import { TransactionalProducer } from '../../test/support/transactional-producer.ts'
import { startBroker } from '../broker/broker.ts'
import { ZERO_UUID } from '../broker/bytes/uuid.ts'
import { offsetCommit } from '../broker/protocol/08-offset-commit.ts'
import { findCoordinator } from '../broker/protocol/10-find-coordinator.ts'
import { initProducerId } from '../broker/protocol/22-init-producer-id.ts'
import { ErrorCode } from '../broker/wire/error-codes.ts'
import { formatAddress } from './client/address.ts'

const page = readFileSync(resolve(import.meta.dirname, '../../docs/security.md'), 'utf8')
const config = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
}

/** The commands of the block below the paragraph that begins so. */
function commandsBelow(paragraph: string): string[][] {
  const from = page.indexOf(`\n${paragraph}`)
  assert.notEqual(from, -1, `docs/security.md has no paragraph '${paragraph}'`)
  const block = /```sh\n(.*?)```/s.exec(page.slice(from))
  assert.ok(block)
  return block[1]!
    .trim()
    .split('\n')
    .map((line) => line.replace('alice', 'ANONYMOUS').split(' ').slice(1))
}

/** What one person does with a broker; resolves to whether all of it was allowed. */
type Attempt = (broker: {
  run(...args: string[]): Promise<{ exitCode: number; stdout: string }>
  connect(): Promise<KafkaClient>
}) => Promise<boolean>

/** A folder with three topics and a group, as it was before access was controlled. */
async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-security-'))
  t.after(() => rm(folder, { recursive: true }))
  await using broker = await startBroker({ folder, listen: '127.0.0.1:0' })
  const env = { MILLRACE_BROKER: formatAddress(broker.addresses[0]!) }
  for (const topic of ['orders', 'payments']) {
    assert.equal((await runCommand(['produce', topic, 'first'], { env })).exitCode, 0)
  }
  const client = await KafkaClient.connect(broker.addresses[0]!)
  for (const group of ['billing', 'another']) assert.ok(await commits(client, group))
  await client[Symbol.asyncDispose]()
  return folder
}

async function isAllowed(
  folder: string,
  rules: readonly string[][],
  attempt: Attempt,
): Promise<boolean> {
  for (const rule of rules) {
    const added = await runCommand([...rule, '--data', folder])
    assert.equal(added.exitCode, 0, added.stderr)
  }
  await using broker = await startBroker({ folder, listen: '127.0.0.1:0', config })
  const address = broker.addresses[0]!
  const env = { MILLRACE_BROKER: formatAddress(address) }
  const connections = new AsyncDisposableStack()
  try {
    return await attempt({
      run: (...args) => runCommand(args, { env }),
      connect: async () => connections.use(await KafkaClient.connect(address)),
    })
  } finally {
    await connections.disposeAsync()
    await broker.close()
    const removed = await runCommand(['acl', 'rm', '--all', '--yes', '--data', folder])
    assert.ok(rules.length === 0 || removed.exitCode === 0, removed.stderr)
  }
}

const produces: Attempt = async ({ run, connect }) => {
  const client = await connect()
  const request = { transactionalId: null, transactionTimeoutMs: 1000 }
  const { errorCode } = await client.send(initProducerId, 4, request)
  return errorCode === ErrorCode.NONE && (await run('produce', 'orders', 'second')).exitCode === 0
}

const consumes: Attempt = async ({ run, connect }) => {
  if ((await run('consume', 'orders')).exitCode !== 0) return false
  return await commits(await connect(), 'billing')
}

async function commits(client: KafkaClient, groupId: string): Promise<boolean> {
  const found = await client.send(findCoordinator, 3, {
    key: groupId,
    keyType: 0,
    coordinatorKeys: [],
  })
  const { topics } = await client.send(offsetCommit, 8, {
    groupId,
    memberId: '',
    topics: [
      {
        name: 'orders',
        topicId: ZERO_UUID,
        partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }],
      },
    ],
  })
  const { NONE } = ErrorCode
  return found.errorCode === NONE && topics[0]!.partitions[0]!.errorCode === NONE
}

const transacts: Attempt = async ({ connect }) => {
  const producer = new TransactionalProducer(await connect(), {
    transactionalId: 'payments-1',
    isV2: false,
  })
  const steps = [
    () => producer.init(4),
    () => producer.add('orders'),
    () => producer.produce('orders', ['total']),
    () => producer.addOffsets('billing'),
    () => producer.commitOffset('billing', 'payments', 1),
    () => producer.end(true),
  ]
  for (const step of steps) if ((await step()) !== ErrorCode.NONE) return false
  return true
}

const looksAfterGroups: Attempt = async ({ run }) =>
  (await run('group', 'ls')).stdout.includes('another') &&
  (await run('group', 'seek', 'billing', '-t', 'orders', '--to', 'end', '--yes')).exitCode === 0 &&
  (await run('group', 'rm', 'billing', '--yes')).exitCode === 0

const looksAfterRules: Attempt = async ({ run }) =>
  (await run('acl', 'add', 'bob', '-o', 'read', '--topic', 'orders')).exitCode === 0 &&
  (await run('acl', 'rm', '--principal', 'bob', '--yes')).exitCode === 0

const roles: readonly (readonly [paragraph: string, attempt: Attempt])[] = [
  ['A producer,', produces],
  ['A transactional producer,', transacts],
  ['A consumer:', consumes],
  ['Who looks after groups:', looksAfterGroups],
  ['Who looks after rules and users:', looksAfterRules],
]

describe('the rules of docs/security.md', () => {
  for (const [paragraph, attempt] of roles) {
    it(`are enough, and none is too many: ${paragraph.replace(/[,:]$/, '')}`, async (t) => {
      const rules = commandsBelow(paragraph)

      const folder = await makeFolder(t)
      for (const rule of rules) {
        const others = rules.filter((other) => other !== rule)
        const isNeeded = !(await isAllowed(folder, others, attempt))
        assert.ok(isNeeded, `not needed: ${rule.join(' ')}`)
      }
      assert.ok(await isAllowed(folder, rules, attempt))
    })
  }
})
