// Ctrl-C, and the signal with which a process is asked to end. Whoever takes them must end the process:
// Node no longer does.

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/**
 * @param onFirst resolves when the process may end, with the exit code of the signal
 * The second signal ends it at once.
 * @returns gives the signals back
 */
export function takeStopSignals(onFirst: () => Promise<void>): () => void {
  let isStopping = false
  const release = () => {
    for (const signal of SIGNALS) process.removeListener(signal, stop)
  }
  const stop = (signal: NodeJS.Signals) => {
    if (isStopping) {
      release()
      process.kill(process.pid, signal)
      return
    }
    isStopping = true
    const end = () => {
      release()
      process.kill(process.pid, signal)
    }
    onFirst().then(end, end)
  }
  for (const signal of SIGNALS) process.on(signal, stop)
  return release
}
