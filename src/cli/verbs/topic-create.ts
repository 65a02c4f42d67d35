// `millrace topic create`: new topics, all with the same partitions and configuration.

import type { Command } from 'commander'
import { ErrorCode } from '../../broker/wire/error-codes.ts'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import { ClientError } from '../client/client-error.ts'
import { createTopic, type NewTopic } from '../client/topics.ts'
import { collect, parseCount, parseKeyValues } from '../key-values.ts'
import type { Column } from '../output.ts'
import type { Examples, Session } from '../session.ts'

const BROKERS_CHOICE = -1

interface Options extends BrokerOptions {
  partitions?: string
  replicas?: string
  config?: string[]
  ifNotExists?: boolean
  dryRun?: boolean
}

interface Row {
  readonly topic: string
  readonly result: 'created' | 'exists' | 'could be created'
  readonly partitions: number | null
}

const columns: readonly Column<Row>[] = [
  { title: 'TOPIC', value: (row) => row.topic },
  { title: 'RESULT', value: (row) => row.result },
  { title: 'PARTITIONS', value: (row) => row.partitions, align: 'right' },
]

export const examples: Examples = [
  ['millrace topic create orders', "with the broker's defaults"],
  ['millrace topic create orders -p 12', 'with twelve partitions'],
  ['millrace topic create orders -c cleanup.policy=compact', 'compacted'],
]

export function define(command: Command, session: Session): void {
  command
    .argument('<topic...>', 'names of new topics')
    .option(
      '-p, --partitions <count>',
      "how many partitions (default: the broker's num.partitions)",
    )
    .option('-r, --replicas <count>', "replication factor (default: the broker's)")
    .option('-c, --config <key=value>', 'a configuration of the topic, may be repeated', collect)
    .option('--if-not-exists', 'no error for a topic that exists')
    .option('--dry-run', 'let the broker check it only')
  addBrokerOptions(command).action((topics: string[], options: Options) =>
    create(session, topics, options),
  )
}

async function create(session: Session, names: string[], options: Options): Promise<void> {
  const { partitions, replicas, config = [], dryRun = false, ifNotExists = false } = options
  const shape = {
    partitions: partitions === undefined ? BROKERS_CHOICE : parseCount(partitions, '--partitions'),
    replicationFactor: replicas === undefined ? BROKERS_CHOICE : parseCount(replicas, '--replicas'),
    configs: parseKeyValues(config),
  }
  await withCluster(session, options, async (cluster, output) => {
    const rows: Row[] = []
    const createOne = async (topic: NewTopic): Promise<Row> => {
      try {
        const created = await createTopic(cluster, topic, { validateOnly: dryRun })
        const count = created.partitions < 0 ? null : created.partitions
        const result = dryRun ? 'could be created' : 'created'
        return { topic: topic.name, result, partitions: count }
      } catch (error) {
        if (!ifNotExists || !isExisting(error)) throw error
        return { topic: topic.name, result: 'exists', partitions: null }
      }
    }
    try {
      for (const name of names) rows.push(await createOne({ name, ...shape }))
    } finally {
      if (rows.length > 0) await output.rows(columns, rows)
    }
  })
}

function isExisting(error: unknown): boolean {
  return error instanceof ClientError && error.errorCode === ErrorCode.TOPIC_ALREADY_EXISTS
}
