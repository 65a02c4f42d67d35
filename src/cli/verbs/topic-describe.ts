// `millrace topic describe`: partitions with their offsets, and the configuration that was set.

import type { Command } from 'commander'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import type { Cluster } from '../client/cluster.ts'
import { EARLIEST, LATEST, listOffsetsOf } from '../client/offsets.ts'
import { topicConfigs } from '../client/topics.ts'
import type { Column, Output } from '../output.ts'
import type { Examples, Session } from '../session.ts'
import { count } from '../text.ts'

interface PartitionRow {
  readonly topic: string
  readonly partition: number
  readonly leader: number
  readonly replicas: readonly number[]
  readonly inSyncReplicas: readonly number[]
  readonly startOffset: number
  readonly endOffset: number
}

interface Description {
  readonly topic: string
  readonly topicId: string
  readonly isInternal: boolean
  readonly configs: Readonly<Record<string, string | null>>
  readonly partitions: readonly PartitionRow[]
}

const partitionColumns: readonly Column<PartitionRow>[] = [
  { title: 'PARTITION', value: (row) => row.partition, align: 'right' },
  { title: 'LEADER', value: (row) => row.leader, align: 'right' },
  { title: 'REPLICAS', value: (row) => row.replicas.join(',') },
  { title: 'START', value: (row) => row.startOffset, align: 'right' },
  { title: 'END', value: (row) => row.endOffset, align: 'right' },
  { title: 'OFFSETS', value: (row) => row.endOffset - row.startOffset, align: 'right' },
]

const pipeColumns: readonly Column<PartitionRow>[] = [
  { title: 'TOPIC', value: (row) => row.topic },
  ...partitionColumns,
]

export const examples: Examples = [
  ['millrace topic describe orders', 'partitions, offsets, configuration'],
  ['millrace topic describe orders --json', 'the same for a script'],
]

export function define(command: Command, session: Session): void {
  command.argument('<topic...>', 'names of topics')
  addBrokerOptions(command).action((topics: string[], options: BrokerOptions) =>
    withCluster(session, options, async (cluster, output) => {
      const descriptions: Description[] = []
      for (const topic of topics) descriptions.push(await describe(cluster, topic))
      await output.documents(descriptions, {
        columns: pipeColumns,
        rows: (description) => description.partitions,
        show: (description) => printForPeople(output, description),
      })
    }),
  )
}

async function describe(cluster: Cluster, topic: string): Promise<Description> {
  const { topicId, isInternal, partitions } = await cluster.topic(topic)
  const ask = (timestamp: number) =>
    listOffsetsOf(
      cluster,
      partitions.map(({ partition }) => ({ topic, partition, timestamp })),
    )
  const [starts, ends, configs] = await Promise.all([
    ask(EARLIEST),
    ask(LATEST),
    topicConfigs(cluster, { topic }),
  ])
  const wasSet = configs.filter(({ source }) => source === 'topic')
  return {
    topic,
    topicId,
    isInternal,
    configs: Object.fromEntries(wasSet.map(({ key, value }) => [key, value])),
    partitions: partitions.map(({ partition, leader, replicas, inSyncReplicas }, index) => ({
      topic,
      partition,
      leader,
      replicas,
      inSyncReplicas,
      startOffset: starts[index]!.offset,
      endOffset: ends[index]!.offset,
    })),
  }
}

async function printForPeople(output: Output, description: Description): Promise<void> {
  const { topic, topicId, isInternal, configs, partitions } = description
  const kind = isInternal ? 'internal, ' : ''
  const facts = `${kind}${count(partitions.length, 'partition')}, id ${topicId}`
  await output.data(`${output.paint('bold', topic)}  ${output.paint('dim', facts)}\n`)
  for (const [key, value] of Object.entries(configs)) await output.data(`  ${key}=${value}\n`)
  await output.data('\n')
  await output.rows(partitionColumns, partitions)
}
