// How long to wait before an event is tried again. Plain values; randomness comes in when asked.

import type { Random } from '../../../host/random.ts'
import { type Duration, durationMs } from '../duration.ts'

export interface Backoff {
  /** @param failures how often it has failed so far, at least 1 */
  delayMs(failures: number, random: Random): number
}

/** The same wait each time. */
export function constant(delay: Duration): Backoff {
  const delayMs = durationMs(delay)
  return { delayMs: () => delayMs }
}

/**
 * Doubles with each failure up to `max`. With jitter `full`, the default, the wait is anything
 * between nothing and that, so that many consumers that failed together don't come back together.
 */
export function exponential(
  first: Duration,
  options: { readonly max?: Duration; readonly jitter?: 'full' | 'none' } = {},
): Backoff {
  const firstMs = durationMs(first)
  const maxMs = durationMs(options.max ?? '30s')
  const jitter = options.jitter ?? 'full'
  return {
    delayMs(failures, random) {
      const fullMs = Math.min(maxMs, firstMs * 2 ** (failures - 1))
      return jitter === 'none' ? fullMs : Math.round(fullMs * fraction(random))
    },
  }
}

function fraction(random: Random): number {
  return random.bytes(4).readUInt32BE(0) / 2 ** 32
}
