// What a started broker found in its folder and what recovery had to do: for the screen and for the
// `ready` event.

import type { Broker } from '../broker/broker.ts'
import { recoveryCounters } from '../broker/log/recovery-counters.ts'

export interface StartReport {
  /** `clean`: the last stop was in order. `recovered`: it wasn't. `new`: there was nothing. */
  readonly kind: 'new' | 'clean' | 'recovered'
  readonly topics: number
  readonly partitions: number
  /** Offsets between the start and the end of all partitions. */
  readonly records: number
  readonly sizeBytes: number
  /** How long opening the folder took, recovery included. */
  readonly openMs: number
  /** Ends of files that were no whole batch, and were cut. */
  readonly tornTailsCut: number
  readonly offlinePartitions: number
}

/** Call it before the broker is started, and what it returns afterwards. */
export function watchStart(nowMs: () => number): (broker: Broker) => StartReport {
  const startMs = nowMs()
  const { tornTailsCut, lostPagesCut } = recoveryCounters
  return ({ inspect }) => {
    const openMs = Math.round(nowMs() - startMs)
    const partitions = inspect.topicNames.flatMap((topic) => inspect.partitions(topic) ?? [])
    const sum = (of: (partition: (typeof partitions)[number]) => number) =>
      partitions.reduce((total, partition) => total + of(partition), 0)
    const isEmpty = partitions.length === 0
    return {
      kind: isEmpty ? 'new' : inspect.wasCleanStop ? 'clean' : 'recovered',
      topics: inspect.topicNames.length,
      partitions: partitions.length,
      records: sum(({ logStartOffset, logEndOffset }) => logEndOffset - logStartOffset),
      sizeBytes: sum(({ sizeBytes }) => sizeBytes),
      openMs,
      tornTailsCut:
        recoveryCounters.tornTailsCut - tornTailsCut + recoveryCounters.lostPagesCut - lostPagesCut,
      offlinePartitions: sum(({ state }) => (state === 'offline' ? 1 : 0)),
    }
  }
}
