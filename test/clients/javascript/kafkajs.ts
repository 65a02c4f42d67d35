// The driver of kafkajs. It reads through groups only, so reading by assignment is a group of its
// own that seeks; its codecs but gzip are packages of others, so it has none of them by itself.
import { randomUUID } from 'node:crypto'
import kafkajs, { type Consumer, type IHeaders, type KafkaConfig, type Message } from 'kafkajs'
import type { JsonRecord, Position } from '../contract.ts'
import type { ClientSecurity } from '../security.ts'
import {
  base64,
  bootstrap,
  bytes,
  type Command,
  partitionList,
  positionsFrom,
  security,
  serve,
  tlsOptions,
  versionOf,
  waitUntil,
} from './contract.ts'

const { CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = kafkajs

const codecs = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}

function connect(clientId = 'kafkajs') {
  return new Kafka({
    clientId,
    brokers: [bootstrap],
    logLevel: logLevel.NOTHING,
    ...(security !== undefined && protection(security)),
  })
}

function protection(settings: ClientSecurity): Partial<KafkaConfig> {
  const { mechanism, user = '', password = '' } = settings
  const login = { username: user, password }
  const ssl = tlsOptions(settings)
  if (mechanism === undefined) return { ssl }
  const isPlain = mechanism === 'PLAIN'
  return {
    ssl,
    sasl: isPlain ? { mechanism: 'plain', ...login } : { mechanism: 'scram-sha-512', ...login },
  }
}

async function produce(command: Command) {
  const producer = connect(command.clientId).producer({ idempotent: command.idempotent ?? false })
  await producer.connect()
  try {
    const answers = await producer.send({
      topic: command.topic,
      acks: -1,
      compression: codecs[command.compression ?? 'none'],
      messages: command.records.map(toMessage),
    })
    const bases = answers.map((each) => [each.partition, Number(each.baseOffset)] as const)
    return { positions: positionsFrom(command.records, new Map(bases)) }
  } finally {
    await producer.disconnect()
  }
}

function toMessage(record: JsonRecord): Message {
  const headers: Record<string, Buffer[]> = {}
  for (const [name, value] of record.headers) {
    headers[name] = [...(headers[name] ?? []), bytes(value) as Buffer]
  }
  return {
    partition: record.partition,
    key: bytes(record.key),
    value: bytes(record.value),
    headers,
    ...(record.timestamp === undefined ? {} : { timestamp: String(record.timestamp) }),
  }
}

function fromHeaders(headers: IHeaders | undefined): [string, string | null][] {
  return Object.entries(headers ?? {}).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((each): [string, string | null] => [
      name,
      base64(each as Buffer),
    ]),
  )
}

async function read(command: Command) {
  const wanted = new Set(partitionList(command))
  const records: JsonRecord[] = []
  const from = command.timestamp === undefined ? [] : await lookUp(command.topic, command.timestamp)
  const consumer = connect().consumer({ groupId: `reads-${randomUUID()}`, maxWaitTimeInMs: 100 })
  const crash = failure(consumer)
  await consumer.connect()
  try {
    await consumer.subscribe({ topic: command.topic, fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        if (!wanted.has(partition)) return
        records.push({
          partition,
          offset: Number(message.offset),
          timestamp: Number(message.timestamp),
          key: base64(message.key),
          value: base64(message.value),
          headers: fromHeaders(message.headers),
        })
      },
    })
    for (const { partition, offset } of from) {
      consumer.seek({ topic: command.topic, partition, offset })
    }
    await waitUntil(
      () => records.length >= command.count || crash.error !== null,
      command.timeoutMs,
    )
    if (crash.error !== null) throw crash.error
    return { records }
  } finally {
    await consumer.disconnect()
  }
}

async function transact(command: Command) {
  const { topic, into, group, transactionalId, ends } = command
  const kafka = connect()
  const producer = kafka.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 })
  const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 100 })
  const crash = failure(consumer)
  const read: { partition: number; message: Message & { readonly offset: string } }[] = []
  await Promise.all([producer.connect(), consumer.connect()])
  try {
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message: { key, value, offset } }) => {
        read.push({ partition, message: { key, value, offset } })
      },
    })
    await waitUntil(() => read.length >= command.count || crash.error !== null, command.timeoutMs)
    if (crash.error !== null) throw crash.error
    const transaction = await producer.transaction()
    const messages = read.map(({ partition, message: { key, value } }) => ({
      partition,
      key: key ?? null,
      value,
    }))
    await transaction.send({ topic: into, messages })
    const next = new Map(read.map(({ partition, message }) => [partition, nextOf(message.offset)]))
    const partitions = [...next].map(([partition, offset]) => ({ partition, offset }))
    await transaction.sendOffsets({ consumerGroupId: group, topics: [{ topic, partitions }] })
    await (ends === 'commit' ? transaction.commit() : transaction.abort())
    return { seen: read.map(({ partition, message }) => [partition, Number(message.offset)]) }
  } finally {
    await Promise.all([producer.disconnect(), consumer.disconnect()])
  }
}

function nextOf(offset: string): string {
  return String(Number(offset) + 1)
}

function failure(consumer: Consumer): { error: Error | null } {
  const crash: { error: Error | null } = { error: null }
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    crash.error = payload.error
  })
  return crash
}

async function withAdmin<T>(use: (admin: ReturnType<kafkajs.Kafka['admin']>) => Promise<T>) {
  const admin = connect().admin()
  await admin.connect()
  try {
    return await use(admin)
  } finally {
    await admin.disconnect()
  }
}

function lookUp(topic: string, timestamp: number) {
  return withAdmin((admin) => admin.fetchTopicOffsetsByTimestamp(topic, timestamp))
}

interface Member {
  readonly consumer: Consumer
  readonly topic: string
  readonly seen: Position[]
  assigned: number[]
  assignments: number
}

const members = new Map<string, Member>()

function memberOf(command: Command): Member {
  return members.get(command.member)!
}

async function join(command: Command) {
  const consumer = connect(command.member).consumer({
    groupId: command.group,
    heartbeatInterval: 300,
    maxWaitTimeInMs: 100,
  })
  const member: Member = { consumer, topic: command.topic, seen: [], assigned: [], assignments: 0 }
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    member.assignments++
    member.assigned = payload.memberAssignment[command.topic] ?? []
  })
  consumer.on(consumer.events.REBALANCING, () => {
    member.assigned = []
  })
  members.set(command.member, member)
  await consumer.connect()
  await consumer.subscribe({ topic: command.topic, fromBeginning: true })
  // kafkajs tells of a rebalance only after the partitions are gone, so it commits as it goes.
  await consumer.run({
    autoCommitThreshold: 1,
    eachMessage: async ({ partition, message }) => {
      member.seen.push([partition, Number(message.offset)])
    },
  })
  return {}
}

function status(member: Member) {
  return { assigned: member.assigned, assignments: member.assignments, seen: member.seen }
}

async function commit(command: Command) {
  const member = memberOf(command)
  const next = new Map<number, number>()
  for (const [partition, offset] of member.seen) {
    next.set(partition, Math.max(next.get(partition) ?? 0, offset + 1))
  }
  await member.consumer.commitOffsets(
    [...next].map(([partition, offset]) => ({
      topic: member.topic,
      partition,
      offset: String(offset),
    })),
  )
  return status(member)
}

async function leave(command: Command) {
  const member = memberOf(command)
  members.delete(command.member)
  const last = status(member)
  await member.consumer.disconnect()
  return { ...last, seen: member.seen }
}

function resource(topic: string) {
  return { type: ConfigResourceTypes.TOPIC, name: topic }
}

await serve({
  hello: () => ({ version: versionOf('kafkajs') }),
  produce,
  read,
  transact,
  offsetsForTime: async ({ topic, timestamp }) => {
    const found = await lookUp(topic, timestamp ?? 0)
    return { positions: found.map(({ partition, offset }) => [partition, Number(offset)]) }
  },
  join,
  member: (command) => status(memberOf(command)),
  commit,
  leave,
  createTopic: ({ topic, partitions, configs }) =>
    withAdmin(async (admin) => {
      const configEntries = Object.entries(configs ?? {}).map(([name, value]) => ({ name, value }))
      const numPartitions = Number(partitions)
      const isNew = await admin.createTopics({ topics: [{ topic, numPartitions, configEntries }] })
      if (!isNew) throw new Error('TOPIC_ALREADY_EXISTS')
      return {}
    }),
  describeTopic: ({ topic }) =>
    withAdmin(async (admin) => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      return {
        leaders: topics[0]!.partitions.map(({ partitionId, leader }) => [partitionId, leader]),
      }
    }),
  deleteTopic: ({ topic }) =>
    withAdmin(async (admin) => {
      await admin.deleteTopics({ topics: [topic] })
      return {}
    }),
  describeConfig: ({ topic }) =>
    withAdmin(async (admin) => {
      const described = await admin.describeConfigs({
        resources: [resource(topic)],
        includeSynonyms: false,
      })
      const entries = described.resources[0]!.configEntries
      return {
        configs: Object.fromEntries(entries.map((each) => [each.configName, each.configValue])),
      }
    }),
  alterConfig: ({ topic, configs }) =>
    withAdmin(async (admin) => {
      const configEntries = Object.entries(configs ?? {}).map(([name, value]) => ({ name, value }))
      await admin.alterConfigs({
        validateOnly: false,
        resources: [{ ...resource(topic), configEntries }],
      })
      return {}
    }),
  createPartitions: ({ topic, total }) =>
    withAdmin(async (admin) => {
      await admin.createPartitions({ topicPartitions: [{ topic, count: total }] })
      return {}
    }),
  deleteRecords: ({ topic, partition, before }) =>
    withAdmin(async (admin) => {
      // It looks the leader up in metadata that only another call loads.
      await admin.fetchTopicOffsets(topic)
      await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] })
      return {}
    }),
  listGroups: () =>
    withAdmin(async (admin) => {
      const { groups } = await admin.listGroups()
      return { groups: groups.map(({ groupId }) => groupId) }
    }),
  describeGroup: ({ group }) =>
    withAdmin(async (admin) => {
      const { groups } = await admin.describeGroups([group])
      return { state: groups[0]!.state, members: groups[0]!.members.length }
    }),
  deleteGroup: ({ group }) =>
    withAdmin(async (admin) => {
      await admin.deleteGroups([group])
      return {}
    }),
})
