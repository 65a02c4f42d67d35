// Waits on the timers it is given, so that a test's clock decides.

import type { Timers } from '../../../host/clock.ts'

/** Resolves after the time or as soon as the signal aborts. */
export function pause(timers: Timers, delayMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (signal.aborted) return Promise.resolve()
  const timer = timers.after(delayMs, resolve)
  const onAbort = (): void => resolve()
  signal.addEventListener('abort', onAbort, { once: true })
  return promise.finally(() => {
    timer.cancel()
    signal.removeEventListener('abort', onAbort)
  })
}
