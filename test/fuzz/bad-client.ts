// A client that sends whatever it is given, one frame at a time, and notes what became of it. It
// comes back when it was thrown out, and hangs up when the answer takes too long: a long poll may
// wait for minutes, and a frame whose length lies is waited for as well.
import { connect, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'

export type Outcome =
  | { readonly kind: 'answered'; readonly frame: Buffer }
  | { readonly kind: 'closed' }
  | { readonly kind: 'silent' }

const LENGTH_BYTES = 4
const GRACE_TURNS = 10

export class BadClient {
  readonly #port: number
  readonly #patienceMs: number
  #socket: Socket | undefined
  #received: Buffer = Buffer.alloc(0)
  #settle: ((outcome: Outcome) => void) | undefined

  constructor(port: number, patienceMs: number) {
    this.#port = port
    this.#patienceMs = patienceMs
  }

  async send(prefix: Buffer, frame: Buffer): Promise<Outcome> {
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    const timer = setTimeout(async () => {
      // A process that stood still finds all timers due at once: what has come is read first.
      for (let turn = 0; turn < GRACE_TURNS; turn++) await setImmediate()
      resolve({ kind: 'silent' })
    }, this.#patienceMs)
    this.#settle = resolve
    this.#socket ??= this.#connect()
    this.#socket.write(Buffer.concat([prefix, frame]))
    const outcome = await promise
    clearTimeout(timer)
    this.#settle = undefined
    if (outcome.kind !== 'answered') this.close()
    return outcome
  }

  close(): void {
    this.#socket?.destroy()
    this.#socket = undefined
    this.#received = Buffer.alloc(0)
  }

  #connect(): Socket {
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true })
    socket.on('error', () => socket.destroy()) // a reset is one way of being thrown out
    socket.on('close', () => {
      if (this.#socket === socket) this.#settle?.({ kind: 'closed' })
    })
    socket.on('data', (chunk) => this.#receive(chunk))
    return socket
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    if (this.#received.length < LENGTH_BYTES) return
    const end = LENGTH_BYTES + this.#received.readInt32BE(0)
    if (this.#received.length < end) return
    const frame = this.#received.subarray(LENGTH_BYTES, end)
    this.#received = this.#received.subarray(end)
    this.#settle?.({ kind: 'answered', frame })
  }
}
