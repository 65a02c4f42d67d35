// Callers that each ask again when they have their answer, timed after a warm-up.
import { percentile } from '../percentile.ts'

const WARMUP_SECONDS = 1

export interface ClosedLoopResult extends Record<string, number> {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Processors that this process took from its start on. */
  readonly loadCores: number
}

export async function closedLoop(
  { callers, seconds }: { readonly callers: number; readonly seconds: number },
  call: (caller: number) => Promise<void>,
): Promise<ClosedLoopResult> {
  const latencies: number[] = []
  const fromMs = performance.now() + WARMUP_SECONDS * 1000
  const untilMs = fromMs + seconds * 1000
  const caller = async (index: number) => {
    for (;;) {
      const beganMs = performance.now()
      await call(index)
      const endedMs = performance.now()
      if (endedMs > untilMs) return
      if (endedMs > fromMs) latencies.push(endedMs - beganMs)
    }
  }
  await Promise.all(Array.from({ length: callers }, (_, index) => caller(index)))
  latencies.sort((a, b) => a - b)
  const { user, system } = process.cpuUsage()
  return {
    perSecond: latencies.length / seconds,
    p50Ms: percentile(latencies, 50),
    p99Ms: percentile(latencies, 99),
    loadCores: (user + system) / 1e6 / process.uptime(),
  }
}
