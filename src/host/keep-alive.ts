// A process ends when nothing is left that could wake it, and the timers of this port don't count.
// A command that waits (for a retry, say) holds the process with this.

const LONG_MS = 2 ** 30

/** @returns lets go again */
export function keepProcessAlive(): () => void {
  const timer = setInterval(() => undefined, LONG_MS)
  return () => clearInterval(timer)
}
