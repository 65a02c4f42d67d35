// Where reading begins in partitions that were assigned: at what the group has committed, or where the
// member wants a group to start.

import type { LocalClient } from '../../broker/local/local-client.ts'
import type { LocalPartition } from '../../broker/local/local-groups.ts'
import type { LocalRefusal } from '../../broker/local/local-refusal.ts'
import type { AssignedPartition, JoinOptions } from '../../sdk/transport/group-member.ts'
import { BrokerRefusedError } from './broker-refused.ts'
import { keyOf } from './membership.ts'
import { persist } from './persist.ts'
import { isRefusal } from './refusals.ts'

/** Another one's transaction may be about to commit an offset: until it has ended nobody knows it. */
const UNSTABLE: LocalRefusal = {
  kind: 'refused',
  error: 'UNSTABLE_OFFSET_COMMIT',
  message: 'An open transaction may change a committed offset.',
  isRetriable: true,
}

/** @throws BrokerRefusedError */
export async function startOffsets(
  client: LocalClient,
  { group, startAt }: Pick<JoinOptions, 'group' | 'startAt'>,
  partitions: readonly LocalPartition[],
): Promise<AssignedPartition[]> {
  const committed = await committedOffsets(client, group, partitions)
  return await Promise.all(
    partitions.map(async (place): Promise<AssignedPartition> => {
      const { topic, partition } = place
      const known = committed.get(keyOf(place))
      if (known !== undefined) return known
      return { topic, partition, offset: await startOf(client, startAt, place), metadata: '' }
    }),
  )
}

/** By `keyOf`; partitions without a commit are left out. @throws BrokerRefusedError */
export async function committedOffsets(
  client: LocalClient,
  group: string,
  partitions: readonly { readonly topic: string; readonly partition: number }[],
): Promise<Map<string, AssignedPartition>> {
  const answer = await persist(client.world, async () => {
    const committed = await client.groups.committed(group, partitions)
    return committed.kind === 'unstable' ? UNSTABLE : committed
  })
  if (isRefusal(answer)) throw new BrokerRefusedError(`Reading offsets of group ${group}`, answer)
  return new Map(
    answer.offsets.map(({ topic, partition, offset, metadata }) => {
      return [keyOf({ topic, partition }), { topic, partition, offset, metadata }]
    }),
  )
}

async function startOf(
  { reading }: LocalClient,
  startAt: JoinOptions['startAt'],
  { topic, partition }: LocalPartition,
): Promise<number> {
  if (startAt instanceof Date) {
    const found = await reading.offsetAt(topic, partition, startAt.getTime())
    if (typeof found === 'number') return found
    throw new BrokerRefusedError(`Looking for a time in ${topic} partition ${partition}`, found)
  }
  // Deleted just now: it is taken away again before anything is read.
  const { startOffset, endOffset } = reading.bounds(topic, partition) ?? NOTHING
  return startAt === 'earliest' ? startOffset : endOffset
}

const NOTHING = { startOffset: 0, endOffset: 0 }
