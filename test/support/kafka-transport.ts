// For the tests of this room: a Millrace to talk to over TCP, a transport that is open, and a member
// that writes down what it is told.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Broker, startBroker } from '../../src/broker/broker.ts'
import type { IncomingRecord, OutgoingRecord } from '../../src/sdk/events/record.ts'
import type {
  AssignedPartition,
  GroupMember,
  JoinOptions,
  TopicPartition,
} from '../../src/sdk/transport/group-member.ts'
import type { Transport } from '../../src/sdk/transport/transport.ts'
import { kafka } from '../../src/transports/kafka/kafka.ts'
import type { KafkaOptions } from '../../src/transports/kafka/kafka-options.ts'

const PATIENCE_MS = 20_000

const stacks = new WeakMap<TestContext, AsyncDisposableStack>()

/** What was opened last is closed first: a member can still take its leave of the broker. */
function stackOf(t: TestContext): AsyncDisposableStack {
  const existing = stacks.get(t)
  if (existing !== undefined) return existing
  const stack = new AsyncDisposableStack()
  stacks.set(t, stack)
  t.after(() => stack.disposeAsync())
  return stack
}

/** Keeps its folder, and its port, over a restart. */
export interface RestartableBroker {
  readonly address: string
  stop(): Promise<void>
  start(): Promise<void>
}

export async function startRestartable(
  t: TestContext,
  config: Record<string, string> = {},
): Promise<RestartableBroker> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-kafka-'))
  let broker: Broker | undefined
  let address = '127.0.0.1:0'
  const start = async () => {
    broker = await startBroker({ folder, listen: address, config })
    address = `127.0.0.1:${broker.addresses[0]!.port}`
  }
  const stop = async () => {
    await broker?.close()
    broker = undefined
  }
  stackOf(t).defer(async () => {
    await stop()
    rmSync(folder, { recursive: true, force: true })
  })
  await start()
  return {
    get address() {
      return address
    },
    start,
    stop,
  }
}

export async function openTransport(
  t: TestContext,
  options: KafkaOptions,
  warnings: string[] = [],
): Promise<Transport> {
  const engine = kafka(options)
  const transport = await engine.open({
    service: 'spec',
    onWarning: (message) => warnings.push(message),
  })
  stackOf(t).use(transport)
  return transport
}

export interface NotedMember {
  readonly member: GroupMember
  readonly assigned: AssignedPartition[]
  readonly revoked: TopicPartition[]
  readonly lost: TopicPartition[]
  readonly failures: Error[]
}

export async function joinNoted(
  transport: Transport,
  options: Pick<JoinOptions, 'group' | 'topics' | 'startAt'> & Partial<JoinOptions>,
): Promise<NotedMember> {
  const assigned: AssignedPartition[] = []
  const revoked: TopicPartition[] = []
  const lost: TopicPartition[] = []
  const failures: Error[] = []
  const member = await transport.join({
    onAssigned: (partitions) => void assigned.push(...partitions),
    onRevoked: async (partitions) => void revoked.push(...partitions),
    onLost: (partitions) => void lost.push(...partitions),
    onFailed: (error) => void failures.push(error),
    ...options,
  })
  return { member, assigned, revoked, lost, failures }
}

/** @throws when so many have not come in time */
export async function pollRecords(member: GroupMember, count: number): Promise<IncomingRecord[]> {
  const records: IncomingRecord[] = []
  const signal = AbortSignal.timeout(PATIENCE_MS)
  while (records.length < count) {
    const fetched = await member.poll({ maxBytes: 1_000_000, signal })
    records.push(...fetched.flatMap((each) => each.records))
    if (signal.aborted) throw new Error(`only ${records.length} of ${count} records came`)
  }
  return records
}

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE_MS)
  while (!(await condition())) {
    if (signal.aborted) throw new Error(`not in time: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export function textRecord(value: string, key: string | null = null): OutgoingRecord {
  return { key: key === null ? null : Buffer.from(key), value: Buffer.from(value), headers: [] }
}

export function valuesOf(records: readonly IncomingRecord[]): string[] {
  return records.map(({ value }) => Buffer.from(value ?? '').toString())
}
