// Waits for a promise or for a signal, whichever comes first. Promise.race would keep a reaction on
// a long-lived promise for each turn of a loop; here nothing is left behind.

/**
 * What the promise resolves with, or undefined as soon as the signal aborts. What the promise does
 * after that is nobody's concern, a rejection included.
 */
export async function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T | undefined> {
  if (signal === undefined) return promise
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>()
  const onAbort = (): void => resolve(undefined)
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort)
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
