// What stands around a handler, from the outside in: the claim that makes a repetition harmless, the
// cause that published events carry, and the application's middleware.

import { runCausedBy } from '../../events/context.ts'
import type { StoredEvent } from '../../events/stored-event.ts'
import type { Middleware } from '../context.ts'
import type { Claim, Dedupe } from '../dedupe.ts'
import type { Attempt } from './attempt.ts'
import { keepOutputs, keptOutputs } from './kept-outputs.ts'

export type Work = (event: StoredEvent, attempt: Attempt) => unknown

/** Runs `work` as a handler of the attempt's event. @returns what it returns: a promise only if something waits */
export function runChain(use: readonly Middleware[], attempt: Attempt, work: Work): unknown {
  if (use.length === 0) return runCausedBy(attempt.event, work, attempt.event, attempt)
  return runCausedBy(attempt.event, runMiddleware, use, 0, attempt, work)
}

function runMiddleware(
  use: readonly Middleware[],
  at: number,
  attempt: Attempt,
  work: Work,
): unknown {
  const middleware = use[at]
  if (middleware === undefined) return work(attempt.event, attempt)
  return middleware(attempt.event, attempt, async () => runMiddleware(use, at + 1, attempt, work))
}

/**
 * The same in a transaction that claims the events; those that were claimed before are left out, and
 * publish what they did then.
 */
export async function runClaimed(
  dedupe: Dedupe,
  chain: { readonly use: readonly Middleware[]; readonly attempt: Attempt; readonly work: Work },
  nowMs: number,
): Promise<void> {
  const { use, attempt, work } = chain
  const byClaim = new Map<Claim, StoredEvent>()
  const known = new Set<string>()
  for (const event of attempt.batch ?? [attempt.event]) {
    const { id, source = '' } = event
    // One that was published twice may stand twice in a batch.
    if (known.has(`${source}\0${id}`)) continue
    known.add(`${source}\0${id}`)
    byClaim.set({ group: attempt.group, eventId: id, eventSource: source, nowMs }, event)
  }
  const claimed = await dedupe.once([...byClaim.keys()], async (transaction, fresh) => {
    attempt.tx = transaction
    attempt.narrow(fresh.flatMap((claim) => byClaim.get(claim) ?? []))
    await runChain(use, attempt, work)
    return keepOutputs(attempt.end())
  })
  attempt.publishInstead(claimed.outputs.flatMap(keptOutputs))
}
