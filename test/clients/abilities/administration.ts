// Administration: what is changed through a client is looked up through the runner's own probe where
// it can be seen there, and through the client where it can't.
import assert from 'node:assert/strict'
import type { Ability, Bench } from '../ability.ts'
import { until } from '../probe.ts'

const PARTITIONS = 3

function administers(name: string, attempt: Ability['attempt']): Ability {
  return { name, step: 'first', attempt }
}

async function newTopic({ probe, name }: Bench, what: string): Promise<string> {
  const topic = name(what)
  await probe.createTopic(topic, PARTITIONS)
  return topic
}

const createTopic = administers('creates a topic', async ({ driver, probe, name }) => {
  const topic = name('created')
  const configs = { 'retention.ms': '3600000', 'cleanup.policy': 'compact' }

  await driver.call('createTopic', { topic, partitions: PARTITIONS, configs })

  await until('the topic is there', async () => (await probe.leaders(topic)).length === PARTITIONS)
  const described = await driver.call('describeConfig', { topic })
  assert.equal(described.configs['retention.ms'], '3600000')
  assert.equal(described.configs['cleanup.policy'], 'compact')
  await assert.rejects(driver.call('createTopic', { topic, partitions: PARTITIONS }), /exist/i)
})

const describeTopic = administers('describes a topic', async (bench) => {
  const topic = await newTopic(bench, 'described')

  const { leaders } = await bench.driver.call('describeTopic', { topic })

  assert.deepEqual(
    leaders.toSorted(([one], [other]) => one - other),
    [0, 1, 2].map((partition) => [partition, 1]),
  )
})

const alterConfig = administers('alters and describes configs', async (bench) => {
  const { driver } = bench
  const topic = await newTopic(bench, 'configured')
  const before = await driver.call('describeConfig', { topic })
  assert.equal(before.configs['cleanup.policy'], 'delete')
  assert.equal(before.configs['retention.ms'], '604800000')

  await driver.call('alterConfig', { topic, configs: { 'retention.ms': '86400000' } })

  await until('the config has changed', async () => {
    const { configs } = await driver.call('describeConfig', { topic })
    return configs['retention.ms'] === '86400000'
  })
  await assert.rejects(
    driver.call('alterConfig', { topic, configs: { 'retention.ms': 'a while' } }),
    /invalid/i,
  )
})

const createPartitions = administers('creates partitions', async (bench) => {
  const topic = await newTopic(bench, 'grown')

  await bench.driver.call('createPartitions', { topic, total: PARTITIONS + 2 })

  await until('there are more', async () => {
    return (await bench.probe.leaders(topic)).length === PARTITIONS + 2
  })
})

const deleteRecords = administers('deletes records', async (bench) => {
  const { client, driver, probe } = bench
  const topic = await newTopic(bench, 'trimmed')
  const content = { partition: 2, key: 'a2V5', value: 'dmFsdWU=', headers: [] }
  const records = Array.from({ length: 10 }, () => content)
  await driver.call('produce', { topic, clientId: client.id, records })

  await driver.call('deleteRecords', { topic, partition: 2, before: 4 })

  assert.equal(await probe.startOffset(topic, 2), 4)
  assert.equal(await probe.endOffset(topic, 2), 10)
})

const deleteTopic = administers('deletes a topic', async (bench) => {
  const topic = await newTopic(bench, 'deleted')

  await bench.driver.call('deleteTopic', { topic })

  await until('it is gone', async () => (await bench.probe.leaders(topic)).length === 0)
})

const describeGroups = administers('lists and describes groups', async (bench) => {
  const { driver, name } = bench
  const topic = await newTopic(bench, 'watched')
  const member = name('watched-member')
  await driver.call('join', { member, group: topic, topic })
  await until('the member has all', async () => {
    return (await driver.call('member', { member })).assigned.length === PARTITIONS
  })
  try {
    const { groups } = await driver.call('listGroups', {})
    const { state, members } = await driver.call('describeGroup', { group: topic })

    assert.ok(groups.includes(topic))
    assert.equal(state.toLowerCase(), 'stable')
    assert.equal(members, 1)
  } finally {
    await driver.call('leave', { member })
  }
})

const deleteGroup = administers('deletes a group', async (bench) => {
  const { driver, name } = bench
  const topic = await newTopic(bench, 'dissolved')
  const member = name('dissolved-member')
  await driver.call('join', { member, group: topic, topic })
  await until('the member has all', async () => {
    return (await driver.call('member', { member })).assigned.length === PARTITIONS
  })
  try {
    await assert.rejects(driver.call('deleteGroup', { group: topic }), 'it is not empty')
  } finally {
    await driver.call('leave', { member })
  }

  await driver.call('deleteGroup', { group: topic })

  const { groups } = await driver.call('listGroups', {})
  assert.ok(!groups.includes(topic))
})

export const administrationAbilities: readonly Ability[] = [
  createTopic,
  describeTopic,
  alterConfig,
  createPartitions,
  deleteRecords,
  deleteTopic,
  describeGroups,
  deleteGroup,
]
