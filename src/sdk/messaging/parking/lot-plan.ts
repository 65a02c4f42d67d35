// What a request would do, for whoever wants to see it first, and who has to be asked for it. Pure.

import type { LotEntry } from './lot-entry.ts'
import { isSelected, type Selection } from './lot-request.ts'
import type { LotState } from './lot-state.ts'

export interface PlannedRedrive {
  /** The first one that would run. */
  readonly head: LotEntry
  /** How many would run if all went well, those that follow included. */
  readonly events: number
}

/** Queues that would begin to run, in order. One whose head is not meant would go on waiting. */
export function planRedrive(state: LotState, selection: Selection): PlannedRedrive[] {
  const isMeant = (entry: LotEntry) => isSelected(selection, entry)
  return [...state.queues].flatMap((queue) => {
    const [head] = queue
    if (head === undefined || head.reason === 'follows' || !isMeant(head)) return []
    const stop = queue.findIndex((entry) => entry.reason !== 'follows' && !isMeant(entry))
    return [{ head, events: stop < 0 ? queue.length : stop }]
  })
}

/** Events that would leave, in the order of the source. What only followed them would run. */
export function planDiscard(state: LotState, selection: Selection): LotEntry[] {
  return [...state.queues]
    .flat()
    .filter((entry) => isSelected(selection, entry))
    .sort((a, b) => a.source.offset - b.source.offset)
}
