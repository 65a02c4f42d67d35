// What the process costs: memory, and how busy and how late the event loop is. The event loop is
// measured from the first call on, between one call and the next.

import { monitorEventLoopDelay, performance } from 'node:perf_hooks'

export interface ProcessFacts {
  readonly residentBytes: number
  readonly heapBytes: number
  readonly eventLoop: {
    /** From 0 to 1. */
    readonly utilization: number
    /** By quantile, `0.5` to `1`. */
    readonly delaySeconds: Readonly<Record<string, number>>
  }
}

const RESOLUTION_MS = 20
const NANOSECONDS = 1e9

let delays: ReturnType<typeof monitorEventLoopDelay> | undefined
let lastUtilization: ReturnType<typeof performance.eventLoopUtilization> | undefined

export function processFacts(): ProcessFacts {
  const { rss: residentBytes, heapUsed: heapBytes } = process.memoryUsage()
  const utilization = performance.eventLoopUtilization()
  const since = performance.eventLoopUtilization(utilization, lastUtilization)
  lastUtilization = utilization
  return {
    residentBytes,
    heapBytes,
    eventLoop: { utilization: since.utilization, delaySeconds: takeDelays() },
  }
}

function takeDelays(): Record<string, number> {
  if (delays === undefined) {
    delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
    delays.enable()
    return {}
  }
  if (delays.count === 0) return {}
  const late = (nanoseconds: number) => {
    return Math.max(0, nanoseconds / NANOSECONDS - RESOLUTION_MS / 1000)
  }
  const seconds = {
    '0.5': late(delays.percentile(50)),
    '0.99': late(delays.percentile(99)),
    '1': late(delays.max),
  }
  delays.reset()
  return seconds
}
