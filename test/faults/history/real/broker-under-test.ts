// A broker process that can be killed, stopped, paused and told what to suffer.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Tally } from '../tally.ts'
import type { HostedCommand, HostedMessage, HostedSettings } from './hosted-broker.ts'

const READY_WITHIN_MS = 60_000
const KEPT_LINES = 200

export class BrokerUnderTest {
  readonly #child: ChildProcess
  readonly #lines: string[]
  readonly #tally: Tally
  #counts: Readonly<Record<string, number>> = {}
  port = 0

  private constructor(child: ChildProcess, lines: string[], tally: Tally) {
    this.#child = child
    this.#lines = lines
    this.#tally = tally
  }

  /**
   * @param tally is told what the broker counts of itself, each thing once
   * @throws when it ends instead of becoming ready
   */
  static async start(settings: HostedSettings, tally: Tally): Promise<BrokerUnderTest> {
    const program = join(import.meta.dirname, 'hosted-broker.ts')
    const child = fork(program, [JSON.stringify(settings)], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    const lines: string[] = []
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        lines.push(...text.split('\n').filter((line) => line !== ''))
        lines.splice(0, lines.length - KEPT_LINES)
      })
    }
    const broker = new BrokerUnderTest(child, lines, tally)
    const ready = Promise.withResolvers<void>()
    child.on('message', (message: HostedMessage) => {
      if (message.kind === 'counters') broker.#hear(message.counts)
      else {
        broker.port = message.port
        ready.resolve()
      }
    })
    child.once('exit', (code, signal) => {
      const what = `the broker ended with ${code ?? signal}:\n${broker.output}`
      ready.reject(new Error(what))
    })
    const deadline = setTimeout(
      () => ready.reject(new Error(`the broker is not ready:\n${broker.output}`)),
      READY_WITHIN_MS,
    )
    try {
      await ready.promise
      return broker
    } catch (error) {
      child.kill('SIGKILL')
      throw error
    } finally {
      clearTimeout(deadline)
    }
  }

  /** The last lines of its log. */
  get output(): string {
    return this.#lines.join('\n')
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  tell(command: HostedCommand): void {
    if (this.hasEnded || !this.#child.connected) return
    // It may end just now: that is seen by whoever asks whether it has.
    this.#child.send(command, () => undefined)
  }

  /** What is not asked for before a `kill -9` is gone with the process. */
  async askCounts(): Promise<void> {
    if (this.hasEnded) return
    const answered = once(this.#child, 'message')
    const ended = once(this.#child, 'exit')
    this.tell({ kind: 'counters' })
    await Promise.race([answered, ended])
  }

  pause(): void {
    this.#child.kill('SIGSTOP')
  }

  resume(): void {
    this.#child.kill('SIGCONT')
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL')
  }

  stop(): Promise<void> {
    return this.#end('SIGTERM')
  }

  #hear(counts: Readonly<Record<string, number>>): void {
    for (const [name, count] of Object.entries(counts)) {
      const more = count - (this.#counts[name] ?? 0)
      if (more > 0) this.#tally.count(`recovery ${name}`, more)
    }
    this.#counts = counts
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.hasEnded) return
    const exited = once(this.#child, 'exit')
    this.#child.kill(signal)
    await exited
  }
}
