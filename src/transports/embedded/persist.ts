// Asking again for what passes by itself: a coordinator that reads its log back, a transaction before
// this one that is still ending.

import type { LocalRefusal } from '../../broker/local/local-refusal.ts'
import type { World } from '../../sdk/transport/transport.ts'
import { isRefusal } from './refusals.ts'

/** How long a coordinator may be busy with itself. */
const PATIENCE_MS = 30_000
const FIRST_PAUSE_MS = 2
const LONGEST_PAUSE_MS = 200

/** Asks until the answer is no retriable refusal, or time is up: then the refusal is the answer. */
export async function persist<T extends { readonly kind: string } | undefined>(
  { clock, timers }: World,
  ask: () => Promise<T | LocalRefusal>,
): Promise<T | LocalRefusal> {
  const deadlineMs = clock.monotonicMs() + PATIENCE_MS
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const answer = await ask()
    if (answer === undefined || !isRefusal(answer) || !answer.isRetriable) return answer
    if (clock.monotonicMs() + pauseMs > deadlineMs) return answer
    await new Promise<void>((resolve) => timers.after(pauseMs, resolve))
  }
}
