// The load generator's own connection: requests that were built beforehand, a correlation id patched
// in, answers handed back in order. It costs so little that the broker is what is measured.
import { connect, type Socket } from 'node:net'

const HEADER_BYTES = 12 // length, api key, api version, correlation id

export interface Bootstrap {
  readonly host: string
  readonly port: number
}

export class LoadConnection {
  readonly #socket: Socket
  readonly #waiting: ((response: Buffer) => void)[] = []
  #pending: Buffer[] = []
  #pendingBytes = 0
  #correlationId = 0
  #failed: Error | undefined

  static async open(bootstrap: Bootstrap): Promise<LoadConnection> {
    const socket = connect({ host: bootstrap.host, port: bootstrap.port, noDelay: true })
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new LoadConnection(socket)
  }

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk) => this.#receive(chunk))
    socket.on('error', (error) => {
      this.#failed = error
    })
    socket.on('close', () => {
      this.#failed ??= new Error('the broker closed the connection')
      for (const resolve of this.#waiting.splice(0)) resolve(Buffer.alloc(0))
    })
  }

  /**
   * Sends a request built by `request()`. The frame is not changed, so it may be sent again at once.
   * @returns the answer from its correlation id on
   */
  async send(frame: Buffer): Promise<Buffer> {
    if (this.#failed !== undefined) throw this.#failed
    const header = Buffer.allocUnsafe(HEADER_BYTES)
    frame.copy(header, 0, 0, HEADER_BYTES)
    header.writeInt32BE(++this.#correlationId, 8)
    const answered = new Promise<Buffer>((resolve) => this.#waiting.push(resolve))
    this.#socket.cork()
    this.#socket.write(header)
    this.#socket.write(frame.subarray(HEADER_BYTES))
    this.#socket.uncork()
    const response = await answered
    if (this.#failed !== undefined) throw this.#failed
    return response
  }

  close(): void {
    this.#failed = new Error('closed')
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    this.#pending.push(chunk)
    this.#pendingBytes += chunk.length
    while (this.#pendingBytes >= 4) {
      const needed = 4 + this.#peekLength()
      if (this.#pendingBytes < needed) return
      const all = this.#pending.length === 1 ? this.#pending[0]! : Buffer.concat(this.#pending)
      this.#pending = all.length > needed ? [all.subarray(needed)] : []
      this.#pendingBytes -= needed
      this.#waiting.shift()!(all.subarray(4, needed))
    }
  }

  #peekLength(): number {
    if (this.#pending[0]!.length < 4) this.#pending = [Buffer.concat(this.#pending)]
    return this.#pending[0]!.readInt32BE(0)
  }
}
