// Reading by partition, without a group. Reads that wait have connections of their own, one for each
// that waits at the same time: a broker answers a connection in order.

import type { FetchedPartition, TopicPartition } from '../../sdk/transport/group-member.ts'
import type { PartitionBounds, ReadRequest, TopicReader } from '../../sdk/transport/topic-reader.ts'
import type { Cluster } from './cluster.ts'
import { Code, refusal } from './errors.ts'
import { fetchFrom } from './fetching.ts'
import { EARLIEST, groupedByLeader, LATEST, offsetsAt } from './offsets.ts'
import { waitFor } from './waiting.ts'

/** A fetch that waits is asked again after so long. */
const LONGEST_WAIT_MS = 500
/** Above the end there is nothing that a broker would wait for. */
const RETRY_ABOVE_END_MS = 100

export function topicReader(cluster: Cluster): TopicReader {
  const { clock, timers } = cluster.world
  const deadline = () => clock.monotonicMs() + cluster.options.requestTimeoutMs
  const takenSlots = new Set<number>()

  async function fetchOnce(request: ReadRequest, waitMs: number): Promise<FetchedPartition> {
    const slot = freeSlot(takenSlots)
    takenSlots.add(slot)
    try {
      return await cluster.persist(`Reading ${request.topic}`, deadline(), () =>
        attempt(request, waitMs, waitMs > 0 ? `waiting-reads ${slot}` : 'reads'),
      )
    } finally {
      takenSlots.delete(slot)
    }
  }

  async function attempt(
    request: ReadRequest,
    waitMs: number,
    purpose: string,
  ): Promise<FetchedPartition> {
    const [nodeId] = [...(await groupedByLeader(cluster, [request])).keys()]
    const limits = { maxBytes: request.maxBytes, waitMs }
    const [outcome] = await fetchFrom(cluster, { nodeId: nodeId!, purpose }, [request], limits)
    switch (outcome!.kind) {
      case 'fetched':
        return outcome!.fetched
      case 'failed':
        throw outcome!.error
      case 'moved':
        throw refusal(`Reading ${request.topic}`, Code.NOT_LEADER_OR_FOLLOWER)
      case 'out-of-range':
        return outside(request, waitMs)
    }
  }

  /** Below what is kept: on from the first that is. Above the end: nothing, and where the end is. */
  async function outside(request: ReadRequest, waitMs: number): Promise<FetchedPartition> {
    const { topic, partition, fromOffset } = request
    const [bounds] = await boundsOf([request])
    const { startOffset, endOffset } = bounds!
    const isBelow = fromOffset < startOffset
    if (!isBelow) await waitFor(timers, Math.min(waitMs, RETRY_ABOVE_END_MS), request.signal)
    const nextOffset = isBelow ? startOffset : fromOffset
    return { topic, partition, records: [], nextOffset, endOffset }
  }

  async function boundsOf(
    partitions: readonly TopicPartition[],
  ): Promise<readonly PartitionBounds[]> {
    const starts = await offsetsAt(cluster, partitions, EARLIEST, deadline())
    const ends = await offsetsAt(cluster, partitions, LATEST, deadline())
    return starts.map(({ topic, partition, offset }, index) => ({
      topic,
      partition,
      startOffset: offset,
      endOffset: ends[index]!.offset,
    }))
  }

  async function read(request: ReadRequest): Promise<FetchedPartition> {
    const until = clock.monotonicMs() + (request.waitMs ?? 0)
    let { fromOffset } = request
    for (;;) {
      const isAborted = request.signal?.aborted === true
      const left = isAborted ? 0 : Math.max(0, until - clock.monotonicMs())
      const fetching = fetchOnce({ ...request, fromOffset }, Math.min(left, LONGEST_WAIT_MS))
      const fetched = await (left === 0 ? fetching : unlessAborted(fetching, request.signal))
      if (fetched === undefined) continue
      const isAtEnd = fetched.nextOffset === fromOffset || fetched.nextOffset >= fetched.endOffset
      if (fetched.records.length > 0 || (isAtEnd && left === 0)) return fetched
      // Markers, and what is no longer kept, are passed over.
      fromOffset = fetched.nextOffset
    }
  }

  return { read, bounds: boundsOf }
}

/** @returns undefined once `signal` is aborted; what was asked for is not waited for any more */
async function unlessAborted<T>(
  asked: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T | undefined> {
  if (signal === undefined) return asked
  const aborted = Promise.withResolvers<undefined>()
  const abort = () => aborted.resolve(undefined)
  signal.addEventListener('abort', abort)
  try {
    const first = await Promise.race([asked, aborted.promise])
    if (first === undefined) asked.catch(() => undefined)
    return first
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

function freeSlot(taken: ReadonlySet<number>): number {
  let slot = 0
  while (taken.has(slot)) slot += 1
  return slot
}
