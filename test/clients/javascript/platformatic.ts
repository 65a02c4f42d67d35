// The driver of @platformatic/kafka. It reads through groups only, so reading by assignment is a
// group of its own that begins where it is told.
import { randomUUID } from 'node:crypto'
import {
  Admin,
  ConfigResourceTypes,
  Consumer,
  IncrementalAlterConfigOperationTypes,
  type Message,
  type MessagesStream,
  type MessageToProduce,
  ProduceAcks,
  Producer,
} from '@platformatic/kafka'
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

const common = {
  bootstrapBrokers: [bootstrap],
  retryDelay: 200,
  ...(security !== undefined && protection(security)),
}

function protection(settings: ClientSecurity) {
  const { mechanism, user = '', password = '' } = settings
  const tls = tlsOptions(settings)
  return mechanism === undefined ? { tls } : { tls, sasl: { mechanism, username: user, password } }
}

async function produce(command: Command) {
  const producer = new Producer({
    ...common,
    clientId: command.clientId,
    idempotent: command.idempotent ?? false,
    compression: command.compression ?? 'none',
    autocreateTopics: true,
  })
  try {
    const messages = command.records.map(toMessage(command))
    const { offsets } = await producer.send({ messages, acks: ProduceAcks.ALL })
    const bases = offsets!.map((each) => [each.partition, Number(each.offset)] as const)
    return { positions: positionsFrom(command.records, new Map(bases)) }
  } finally {
    await producer.close()
  }
}

function toMessage({ topic }: Command) {
  return (record: JsonRecord): MessageToProduce => {
    const key = bytes(record.key)
    const value = bytes(record.value)
    return {
      topic,
      partition: record.partition,
      headers: new Map(
        record.headers.map(([name, value]) => [Buffer.from(name), bytes(value) as Buffer]),
      ),
      ...(key === null ? {} : { key }),
      ...(value === null ? {} : { value }),
      ...(record.timestamp === undefined ? {} : { timestamp: BigInt(record.timestamp) }),
    }
  }
}

function fromMessage(message: Message): JsonRecord {
  return {
    partition: message.partition,
    offset: Number(message.offset),
    timestamp: Number(message.timestamp),
    key: base64(message.key),
    value: base64(message.value),
    headers: message.headerEntries.map(([name, value]) => [name.toString(), base64(value)]),
  }
}

function newConsumer(
  groupId: string,
  clientId = 'platformatic',
  groupInstanceId?: string,
  groupProtocol: 'classic' | 'consumer' = 'classic',
) {
  const timing = { sessionTimeout: 10_000, heartbeatInterval: 300 }
  return new Consumer({
    ...common,
    clientId,
    groupId,
    autocommit: false,
    ...(groupProtocol === 'classic' ? timing : { groupProtocol }),
    maxWaitTime: 100,
    ...(groupInstanceId === undefined ? {} : { groupInstanceId }),
  })
}

async function lookUp(consumer: Consumer, command: Command): Promise<Map<number, bigint>> {
  const timestamp = command.timestamp === undefined ? -2n : BigInt(command.timestamp)
  const offsets = await consumer.listOffsets({ topics: [command.topic], timestamp })
  return new Map(offsets.get(command.topic)!.map((offset, partition) => [partition, offset]))
}

async function read(command: Command) {
  const { topic } = command
  const wanted = new Set(partitionList(command))
  const consumer = newConsumer(`reads-${randomUUID()}`)
  const records: JsonRecord[] = []
  let failure: Error | null = null
  try {
    const from = await lookUp(consumer, command)
    const ends = await consumer.listOffsets({ topics: [topic], timestamp: -1n })
    const offsets = [...from].map(([partition, offset]) => ({
      topic,
      partition,
      offset: offset === -1n ? ends.get(topic)![partition]! : offset,
    }))
    const stream = await consumer.consume({ topics: [topic], mode: 'manual', offsets })
    stream.on('data', (message) => {
      if (wanted.has(message.partition)) records.push(fromMessage(message))
    })
    stream.on('error', (error) => {
      failure = error
    })
    await waitUntil(() => records.length >= command.count || failure !== null, command.timeoutMs)
    if (failure !== null) throw failure
    return { records }
  } finally {
    await consumer.close(true)
  }
}

async function transact(command: Command) {
  const { topic, into, group, transactionalId, count, timeoutMs, ends } = command
  const producer = new Producer({
    ...common,
    clientId: 'platformatic',
    transactionalId,
    idempotent: true,
  })
  const consumer = newConsumer(group)
  const read: Message[] = []
  try {
    const stream = await consumer.consume({
      topics: [topic],
      mode: 'committed',
      fallbackMode: 'earliest',
    })
    stream.on('data', (message) => read.push(message))
    await waitUntil(() => read.length >= count, timeoutMs)
    // By itself it claims producer 0 with epoch 0, which Kafka fences from the second time on.
    const transaction = await producer.beginTransaction({ producerId: -1n, producerEpoch: -1 })
    await transaction.addConsumer(consumer)
    const messages = read.map(({ partition, key, value }) => ({
      topic: into,
      partition,
      ...(key === null ? {} : { key }),
      ...(value === null ? {} : { value }),
    }))
    await transaction.send({ messages, acks: ProduceAcks.ALL })
    await transaction.addOffset(read.at(-1)!)
    await (ends === 'commit' ? transaction.commit() : transaction.abort())
    await stream.close()
    return { seen: read.map(({ partition, offset }) => [partition, Number(offset)]) }
  } finally {
    await consumer.close(true)
    await producer.close()
  }
}

async function offsetsForTime(command: Command) {
  const consumer = newConsumer(`reads-${randomUUID()}`)
  try {
    const found = await lookUp(consumer, command)
    return { positions: [...found].map(([partition, offset]) => [partition, Number(offset)]) }
  } finally {
    await consumer.close(true)
  }
}

interface Member {
  readonly consumer: Consumer
  readonly stream: MessagesStream<Buffer, Buffer, Buffer, Buffer>
  readonly topic: string
  readonly seen: Position[]
  readonly counts: { assignments: number }
}

const members = new Map<string, Member>()

async function join(command: Command, groupProtocol: 'classic' | 'consumer' = 'classic') {
  if (command.pattern !== undefined) throw new Error('there is no subscription by pattern')
  const consumer = newConsumer(command.group, command.member, command.instanceId, groupProtocol)
  const counts = { assignments: 0 }
  const seen: Position[] = []
  consumer.on('consumer:group:join', () => {
    counts.assignments++
  })
  const { topic } = command
  const stream = await consumer.consume({
    topics: [topic],
    mode: 'committed',
    fallbackMode: 'earliest',
  })
  stream.on('data', (message) => {
    seen.push([message.partition, Number(message.offset)])
    // A rebalance is told of only after the partitions are gone, so it commits as it goes.
    Promise.resolve(message.commit()).catch((error) => {
      process.stderr.write(`commit: ${error}\n`)
    })
  })
  stream.on('error', (error) => {
    process.stderr.write(`stream: ${error}\n`)
  })
  members.set(command.member, { consumer, stream, topic, seen, counts })
}

function memberOf(command: Command): Member {
  return members.get(command.member)!
}

function status({ consumer, counts, seen, topic }: Member) {
  const assigned = consumer.assignments?.find((each) => each.topic === topic)?.partitions ?? []
  return { assigned, assignments: counts.assignments, seen }
}

async function commit(command: Command) {
  const member = memberOf(command)
  const { topic } = member
  const next = new Map<number, number>()
  for (const [partition, offset] of member.seen) {
    next.set(partition, Math.max(next.get(partition) ?? 0, offset + 1))
  }
  await member.consumer.commit({
    offsets: [...next].map(([partition, offset]) => ({
      topic,
      partition,
      offset: BigInt(offset),
      leaderEpoch: -1,
    })),
  })
  return status(member)
}

async function leave(command: Command) {
  const member = memberOf(command)
  members.delete(command.member)
  const last = status(member)
  await member.stream.close()
  await member.consumer.close()
  return last
}

async function withAdmin<T>(use: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Admin({ ...common, clientId: 'platformatic-admin' })
  try {
    return await use(admin)
  } finally {
    await admin.close()
  }
}

function resource(topic: string) {
  return { resourceType: ConfigResourceTypes.TOPIC, resourceName: topic }
}

await serve({
  hello: () => ({ version: versionOf('@platformatic/kafka') }),
  produce,
  read,
  transact,
  offsetsForTime,
  join: async (command) => {
    await join(command)
    return {}
  },
  joinConsumerGroup: async (command) => {
    await join(command, 'consumer')
    return {}
  },
  member: (command) => status(memberOf(command)),
  commit,
  leave,
  createTopic: ({ topic, partitions, configs }) =>
    withAdmin(async (admin) => {
      const entries = Object.entries(configs ?? {}).map(([name, value]) => ({ name, value }))
      await admin.createTopics({
        topics: [{ topic, partitions: Number(partitions), replicas: 1 }],
        configs: entries,
      })
      return {}
    }),
  describeTopic: ({ topic }) =>
    withAdmin(async (admin) => {
      const metadata = await admin.metadata({ topics: [topic], forceUpdate: true })
      const { partitions } = metadata.topics.get(topic)!
      return { leaders: partitions.map(({ leader }, partition) => [partition, leader]) }
    }),
  deleteTopic: ({ topic }) =>
    withAdmin(async (admin) => {
      await admin.deleteTopics({ topics: [topic] })
      return {}
    }),
  describeConfig: ({ topic }) =>
    withAdmin(async (admin) => {
      const [described] = await admin.describeConfigs({ resources: [resource(topic)] })
      return {
        configs: Object.fromEntries(described!.configs.map(({ name, value }) => [name, value])),
      }
    }),
  alterConfig: ({ topic, configs }) =>
    withAdmin(async (admin) => {
      const changes = Object.entries(configs ?? {}).map(([name, value]) => ({
        name,
        value,
        configOperation: IncrementalAlterConfigOperationTypes.SET,
      }))
      await admin.incrementalAlterConfigs({ resources: [{ ...resource(topic), configs: changes }] })
      return {}
    }),
  createPartitions: ({ topic, total }) =>
    withAdmin(async (admin) => {
      await admin.createPartitions({ topics: [{ name: topic, count: total, assignments: null }] })
      return {}
    }),
  deleteRecords: ({ topic, partition, before }) =>
    withAdmin(async (admin) => {
      const partitions = [{ partition, offset: BigInt(before) }]
      await admin.deleteRecords({ topics: [{ name: topic, partitions }] })
      return {}
    }),
  listGroups: () =>
    withAdmin(async (admin) => ({ groups: [...(await admin.listGroups()).keys()] })),
  describeGroup: ({ group }) =>
    withAdmin(async (admin) => {
      const described = (await admin.describeGroups({ groups: [group] })).get(group)!
      return { state: described.state, members: described.members.size }
    }),
  deleteGroup: ({ group }) =>
    withAdmin(async (admin) => {
      await admin.deleteGroups({ groups: [group] })
      return {}
    }),
})
