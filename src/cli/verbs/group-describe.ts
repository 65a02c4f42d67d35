// `millrace group describe`: who is in a group, what each member reads, how far the group is.

import type { Command } from 'commander'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import type { AssignedPartitions } from '../client/assignment.ts'
import type { Cluster } from '../client/cluster.ts'
import { describeGroup, type GroupMember } from '../client/describe-group.ts'
import { CliError, ExitCode } from '../exit-code.ts'
import { groupProgress, type PartitionProgress } from '../group-progress.ts'
import type { Column, Output } from '../output.ts'
import type { Examples, Session } from '../session.ts'
import { count } from '../text.ts'

type Progress = PartitionProgress & { readonly group: string; readonly memberId: string | null }

interface Description {
  readonly group: string
  readonly state: string
  readonly groupType: string
  readonly protocolType: string
  readonly assignor: string
  readonly groupEpoch: number | null
  readonly assignmentEpoch: number | null
  readonly coordinator: string
  readonly members: readonly GroupMember[]
  readonly offsets: readonly Progress[]
}

const progressColumns: readonly Column<Progress>[] = [
  { title: 'TOPIC', value: (row) => row.topic },
  { title: 'PARTITION', value: (row) => row.partition, align: 'right' },
  { title: 'COMMITTED', value: (row) => row.committedOffset, align: 'right' },
  { title: 'END', value: (row) => row.endOffset, align: 'right' },
  { title: 'LAG', value: (row) => row.lag, align: 'right' },
  { title: 'MEMBER', value: (row) => row.memberId },
]

const pipeColumns: readonly Column<Progress>[] = [
  { title: 'GROUP', value: (row) => row.group },
  ...progressColumns,
]

const memberColumns: readonly Column<GroupMember>[] = [
  { title: 'MEMBER', value: (row) => row.memberId },
  { title: 'INSTANCE', value: (row) => row.groupInstanceId },
  { title: 'CLIENT', value: (row) => row.clientId },
  { title: 'HOST', value: (row) => row.clientHost },
  { title: 'READS', value: (row) => assignmentText(row.assignment) },
]

/** Of a group of the new protocol (KIP-848), where what is had and what is meant may differ. */
const consumerMemberColumns: readonly Column<GroupMember>[] = [
  ...memberColumns.slice(0, 4),
  { title: 'EPOCH', value: (row) => row.memberEpoch, align: 'right' },
  { title: 'READS', value: (row) => assignmentText(row.assignment) },
  { title: 'TARGET', value: (row) => assignmentText(row.target) },
]

export const examples: Examples = [
  ['millrace group describe billing', 'members, committed offsets, lag'],
  ['millrace group describe billing --json', 'the same for a script'],
]

export function define(command: Command, session: Session): void {
  command.argument('<group...>', 'names of groups')
  addBrokerOptions(command).action((groups: string[], options: BrokerOptions) =>
    withCluster(session, options, async (cluster, output) => {
      const descriptions: Description[] = []
      for (const group of groups) descriptions.push(await describe(cluster, group))
      await output.documents(descriptions, {
        columns: pipeColumns,
        rows: (description) => description.offsets,
        show: (description) => printForPeople(output, description),
      })
    }),
  )
}

async function describe(cluster: Cluster, groupId: string): Promise<Description> {
  const [group, progress] = await Promise.all([
    describeGroup(cluster, groupId),
    groupProgress(cluster, groupId),
  ])
  if (group.state === 'Dead' && progress.length === 0) {
    const message = `Group ${groupId} does not exist: millrace group ls lists those that do.`
    throw new CliError(ExitCode.NOT_FOUND, message)
  }
  const owners = new Map(
    group.members.flatMap(({ memberId, assignment }) =>
      (assignment ?? []).flatMap(({ topic, partitions }) =>
        partitions.map((partition) => [`${topic}/${partition}`, memberId] as const),
      ),
    ),
  )
  return {
    group: groupId,
    state: group.state,
    groupType: group.groupType,
    protocolType: group.protocolType,
    assignor: group.assignor,
    groupEpoch: group.groupEpoch,
    assignmentEpoch: group.assignmentEpoch,
    coordinator: group.coordinator,
    members: group.members,
    offsets: progress.map((entry) => ({
      group: groupId,
      ...entry,
      memberId: owners.get(`${entry.topic}/${entry.partition}`) ?? null,
    })),
  }
}

async function printForPeople(output: Output, description: Description): Promise<void> {
  const { group, state, assignor, members, offsets } = description
  const how = assignor === '' ? '' : `, ${assignor}`
  const facts = `${state}, ${count(members.length, 'member')}${how}${epochText(description)}`
  await output.data(`${output.paint('bold', group)}  ${output.paint('dim', facts)}\n`)
  if (members.length > 0) {
    await output.data('\n')
    const columns = description.groupType === 'consumer' ? consumerMemberColumns : memberColumns
    await output.rows(columns, members)
  }
  if (offsets.length > 0) {
    await output.data('\n')
    await output.rows(progressColumns, offsets)
  }
}

/** A group epoch ahead of that of the targets: new ones are still to be computed. */
function epochText({ groupEpoch, assignmentEpoch }: Description): string {
  if (groupEpoch === null) return ''
  const behind = groupEpoch === assignmentEpoch ? '' : ` (targets of ${assignmentEpoch})`
  return `, epoch ${groupEpoch}${behind}`
}

function assignmentText(assignment: readonly AssignedPartitions[] | null): string {
  if (assignment === null) return '?'
  return assignment.map(({ topic, partitions }) => `${topic}[${partitions.join(',')}]`).join(' ')
}
