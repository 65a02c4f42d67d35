// Waiting with a limit: for a time, for work that may not end, and for an event loop that is held.

import type { Clock, Timers } from '../../../host/clock.ts'

/** @param until aborted: the wait is over */
export function sleep(timers: Timers, delayMs: number, until?: AbortSignal): Promise<void> {
  if (until?.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const wake = () => {
      timer.cancel()
      until?.removeEventListener('abort', wake)
      resolve()
    }
    const timer = timers.after(delayMs, wake)
    until?.addEventListener('abort', wake)
  })
}

/** @returns whether the work was done in time. @throws what it threw in that time */
export function within(timers: Timers, limitMs: number, work: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const timer = timers.after(limitMs, () => resolve(false))
    const end = (answer: () => void) => {
      timer.cancel()
      answer()
    }
    work.then(
      () => end(() => resolve(true)),
      (error: unknown) => end(() => reject(error)),
    )
  })
}

/**
 * Tells when a timer came much too late: something held the event loop, and heartbeats with it.
 * @returns ends the watch
 */
export function watchEventLoop(
  world: { readonly timers: Timers; readonly clock: Clock },
  heldMs: number,
  onHeld: (forMs: number) => void,
): () => void {
  let lastMs = world.clock.monotonicMs()
  let timer = world.timers.after(heldMs, check)
  return () => timer.cancel()

  function check(): void {
    const nowMs = world.clock.monotonicMs()
    const forMs = nowMs - lastMs - heldMs
    if (forMs >= heldMs) onHeld(Math.round(forMs))
    lastMs = nowMs
    timer = world.timers.after(heldMs, check)
  }
}
