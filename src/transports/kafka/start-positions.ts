// Where a member begins to read partitions that were given to it: at what the group has committed,
// else where the user said.

import type {
  AssignedPartition,
  JoinOptions,
  TopicPartition,
} from '../../sdk/transport/group-member.ts'
import type { Cluster } from './cluster.ts'
import { committedOffsets } from './committed-offsets.ts'
import { EARLIEST, isSame, LATEST, offsetsAt } from './offsets.ts'

export interface StartPosition extends AssignedPartition {
  readonly isCommitted: boolean
}

/** @param isNew the partition came after the member: everything in it is news, also for `latest` */
export async function startPositions(
  cluster: Cluster,
  options: Pick<JoinOptions, 'group' | 'startAt'>,
  partitions: readonly TopicPartition[],
  isNew: (partition: TopicPartition) => boolean,
  patience: { deadlineMs: number; signal: AbortSignal },
): Promise<readonly StartPosition[]> {
  const { deadlineMs, signal } = patience
  const committed = await committedOffsets(cluster, options.group, partitions, deadlineMs, signal)
  const others = partitions.filter((each) => !committed.some((one) => isSame(one, each)))
  const fresh = others.filter(isNew)
  const old = others.filter((each) => !isNew(each))
  const begun = [
    ...(fresh.length === 0 ? [] : await offsetsAt(cluster, fresh, EARLIEST, deadlineMs)),
    ...(old.length === 0 ? [] : await policyOffsets(cluster, options.startAt, old, deadlineMs)),
  ]
  return [
    ...committed.map((each) => ({ ...each, isCommitted: true })),
    ...begun.map((each) => ({ ...each, metadata: '', isCommitted: false })),
  ]
}

export async function policyOffsets(
  cluster: Cluster,
  startAt: JoinOptions['startAt'],
  partitions: readonly TopicPartition[],
  deadlineMs: number,
): Promise<readonly (TopicPartition & { offset: number })[]> {
  if (startAt === 'earliest') return offsetsAt(cluster, partitions, EARLIEST, deadlineMs)
  if (startAt === 'latest') return offsetsAt(cluster, partitions, LATEST, deadlineMs)
  const found = await offsetsAt(cluster, partitions, startAt.getTime(), deadlineMs)
  const younger = found.filter(({ offset }) => offset >= 0)
  const older = found.filter(({ offset }) => offset < 0)
  if (older.length === 0) return younger
  return [...younger, ...(await offsetsAt(cluster, older, LATEST, deadlineMs))]
}
