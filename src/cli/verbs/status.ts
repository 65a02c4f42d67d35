// `millrace status`: does a broker answer, who is in the cluster, what does it hold? Exits with 1
// when a partition has no leader: its records can't be read or written.

import type { Command } from 'commander'
import { nodeClock } from '../../host/node-host.ts'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import { formatAddress } from '../client/address.ts'
import type { Cluster } from '../client/cluster.ts'
import { listAllGroups } from '../client/groups.ts'
import { ExitCode } from '../exit-code.ts'
import type { Examples, Session } from '../session.ts'
import { count } from '../text.ts'

interface Status {
  readonly clusterId: string | null
  readonly controllerId: number
  readonly brokers: readonly { readonly nodeId: number; readonly address: string }[]
  /** How long a metadata request took. */
  readonly answerMs: number
  /** Internal ones are not counted. */
  readonly topics: number
  readonly partitions: number
  readonly offlinePartitions: readonly { readonly topic: string; readonly partition: number }[]
  readonly groups: number
}

export const examples: Examples = [
  ['millrace status', 'is a broker there, and what does it hold?'],
  ['millrace status -b kafka.example.com:9092 --json', 'another one, for a script'],
]

export function define(command: Command, session: Session): void {
  addBrokerOptions(command).action((options: BrokerOptions) =>
    withCluster(session, options, async (cluster, output) => {
      const status = await ask(cluster)
      if (output.format === 'json' || output.format === 'jsonl') await output.json(status)
      else {
        const separator = output.format === 'tsv' ? '\t' : undefined
        for (const [name, value] of summary(status)) {
          const label = separator === undefined ? output.paint('dim', name.padEnd(10)) : name
          await output.data(`${label}${separator ?? ''}${value}\n`)
        }
      }
      for (const { topic, partition } of status.offlinePartitions) {
        await output.warning(`topic ${topic} partition ${partition} has no leader`)
        session.exitCode = ExitCode.FAILURE
      }
    }),
  )
}

async function ask(cluster: Cluster): Promise<Status> {
  const startMs = nodeClock.monotonicMs()
  const { clusterId, controllerId, brokers, topics } = await cluster.describe()
  const answerMs = nodeClock.monotonicMs() - startMs
  const groups = await listAllGroups(cluster)
  const partitions = topics.flatMap((topic) =>
    topic.partitions.map(({ partition, leader }) => ({ topic: topic.name, partition, leader })),
  )
  const own = topics.filter(({ isInternal }) => !isInternal)
  return {
    clusterId,
    controllerId,
    brokers: brokers.map((broker) => ({ nodeId: broker.nodeId, address: formatAddress(broker) })),
    answerMs: Math.round(answerMs * 10) / 10,
    topics: own.length,
    partitions: own.reduce((sum, topic) => sum + topic.partitions.length, 0),
    offlinePartitions: partitions
      .filter(({ leader }) => leader < 0)
      .map(({ topic, partition }) => ({ topic, partition })),
    groups: groups.length,
  }
}

function summary(status: Status): [string, string][] {
  const { clusterId, controllerId, brokers, answerMs, topics, partitions, groups } = status
  return [
    ['Kafka', `${brokers.map(({ address }) => address).join(', ')} (answers in ${answerMs} ms)`],
    [
      'Cluster',
      `${clusterId ?? 'unnamed'}, ${count(brokers.length, 'broker')}, controller ${controllerId}`,
    ],
    ['Topics', `${count(topics, 'topic')}, ${count(partitions, 'partition')}`],
    ['Groups', count(groups, 'group')],
  ]
}
