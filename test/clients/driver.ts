// A driver that is a process: it takes commands from standard input and answers on standard output.
// One process runs all abilities of its client, because the start of a JVM is what costs most.
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { ClientError, type Driver, Unsupported, type Verb, type Verbs } from './contract.ts'
import { type ClientSecurity, SECURITY_VARIABLE } from './security.ts'

const CALL_TIMEOUT_MS = 40_000

interface Answer {
  readonly id: number
  readonly result?: object
  readonly error?: string
  readonly unsupported?: string
}

interface Waiting {
  readonly settle: (answer: Answer) => void
  readonly fail: (error: Error) => void
}

export class ProcessDriver implements Driver {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  readonly #exited: Promise<void>
  #errorOutput = ''
  #lastId = 0
  #failure: Error | null = null

  constructor(command: readonly string[], bootstrap: string, security?: ClientSecurity) {
    const [program, ...args] = command
    this.#process = spawn(program!, [...args, bootstrap], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: security
        ? { ...process.env, [SECURITY_VARIABLE]: JSON.stringify(security) }
        : process.env,
    })
    this.#process.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#errorOutput = (this.#errorOutput + text).slice(-4000)
    })
    createInterface({ input: this.#process.stdout! }).on('line', (line) => this.#onLine(line))
    this.#process.stdin!.on('error', (error) => this.#fail(error))
    this.#process.on('error', (error) => this.#fail(error))
    this.#exited = new Promise((resolve) => {
      this.#process.on('close', (code) => {
        this.#fail(new Error(`${program} ended with ${code}: ${this.#errorOutput}`))
        resolve()
      })
    })
  }

  get isUsable(): boolean {
    return this.#failure === null
  }

  async call<V extends Verb>(verb: V, args: Verbs[V][0]): Promise<Verbs[V][1]> {
    if (this.#failure !== null) throw this.#failure
    const id = ++this.#lastId
    const answer = await new Promise<Answer>((settle, fail) => {
      const timer = setTimeout(() => {
        fail(new Error(`no answer to ${verb} within ${CALL_TIMEOUT_MS} ms: ${this.#errorOutput}`))
        this.#process.kill('SIGKILL')
      }, CALL_TIMEOUT_MS)
      const done = () => {
        clearTimeout(timer)
        this.#waiting.delete(id)
      }
      this.#waiting.set(id, {
        settle: (answer) => {
          done()
          settle(answer)
        },
        fail: (error) => {
          done()
          fail(error)
        },
      })
      this.#process.stdin!.write(`${JSON.stringify({ id, verb, ...args })}\n`)
    })
    if (answer.unsupported !== undefined) throw new Unsupported(`${verb}: ${answer.unsupported}`)
    if (answer.error !== undefined) throw new ClientError(answer.error)
    return answer.result as Verbs[V][1]
  }

  async close(): Promise<void> {
    this.#process.stdin!.end()
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), 5000)
    await this.#exited
    clearTimeout(timer)
  }

  #onLine(line: string): void {
    if (!line.startsWith('{')) {
      this.#errorOutput = `${this.#errorOutput}\nnot an answer: ${line}`.slice(-4000)
      return
    }
    const answer: Answer = JSON.parse(line)
    this.#waiting.get(answer.id)?.settle(answer)
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const waiting of [...this.#waiting.values()]) waiting.fail(this.#failure)
  }
}
