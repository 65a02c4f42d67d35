// Waits for a condition, not for a time.

const DEADLINE_MS = 10_000
const PAUSE_MS = 5

/** @throws Error when it has not come true by the deadline */
export async function until(
  condition: () => boolean | Promise<boolean>,
  { deadlineMs = DEADLINE_MS, what = 'the condition' } = {},
): Promise<void> {
  const endMs = performance.now() + deadlineMs
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`${what} did not come true in ${deadlineMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
}
