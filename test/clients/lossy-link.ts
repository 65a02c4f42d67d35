// Stands between all clients and the broker, under the address that the broker advertises. It passes
// everything on, but can be told to drop a connection in the moment when the broker has answered a
// Produce: then the record is stored, the client doesn't know, and what its retry does is seen.
// Whoever wants the requests that pass can listen (`test/fuzz` keeps them as its corpus).
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

const PRODUCE = 0

export class LossyLink {
  readonly #server: Server
  readonly #upstreamPort: number
  readonly #sockets = new Set<Socket>()
  readonly #toCut = new Set<string>()
  readonly #cut = new Map<string, number>()
  readonly #produced = new Map<string, number>()
  #onRequest: ((frame: Buffer) => void) | undefined

  private constructor(upstreamPort: number) {
    this.#upstreamPort = upstreamPort
    this.#server = createServer((client) => this.#onClient(client))
  }

  static async start({ upstreamPort, port }: { upstreamPort: number; port: number }) {
    const link = new LossyLink(upstreamPort)
    link.#server.listen(port, '127.0.0.1')
    await once(link.#server, 'listening')
    return link
  }

  /** From now on, the first Produce of this client id is answered by a lost connection. */
  loseFirstProduceAnswer(clientId: string): void {
    this.#toCut.add(clientId)
  }

  /** How many answers were lost to a client id. */
  lostAnswers(clientId: string): number {
    return this.#cut.get(clientId) ?? 0
  }

  /** How many Produce requests of a client id have passed. */
  produced(clientId: string): number {
    return this.#produced.get(clientId) ?? 0
  }

  /** @param listener is given every request from now on, its length in front */
  onRequest(listener: (frame: Buffer) => void): void {
    this.#onRequest = listener
  }

  async stop(): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }

  #onClient(client: Socket): void {
    const broker = connect(this.#upstreamPort, '127.0.0.1')
    const end = () => {
      for (const socket of [client, broker]) {
        socket.destroy()
        this.#sockets.delete(socket)
      }
    }
    for (const socket of [client, broker]) {
      socket.setNoDelay(true)
      socket.on('error', end).on('close', end)
      this.#sockets.add(socket)
    }
    const produces = new Map<number, string>()
    const requests = new Frames((frame) => {
      this.#onRequest?.(frame)
      if (frame.readInt16BE(4) === PRODUCE) {
        const clientIdLength = Math.max(frame.readInt16BE(12), 0)
        const clientId = frame.toString('utf8', 14, 14 + clientIdLength)
        this.#produced.set(clientId, this.produced(clientId) + 1)
        if (this.#toCut.size > 0) produces.set(frame.readInt32BE(8), clientId)
      }
      broker.write(frame)
    })
    const answers = new Frames((frame) => {
      const clientId = produces.get(frame.readInt32BE(4))
      produces.delete(frame.readInt32BE(4))
      if (clientId !== undefined && this.#toCut.delete(clientId)) {
        this.#cut.set(clientId, this.lostAnswers(clientId) + 1)
        end()
      } else if (!client.destroyed) {
        client.write(frame)
      }
    })
    client.on('data', (chunk) => requests.add(chunk))
    broker.on('data', (chunk) => answers.add(chunk))
  }
}

/** Cuts a stream into frames, each still with its length in front. */
class Frames {
  readonly #onFrame: (frame: Buffer) => void
  #parts: Buffer[] = []
  #length = 0

  constructor(onFrame: (frame: Buffer) => void) {
    this.#onFrame = onFrame
  }

  add(chunk: Buffer): void {
    this.#parts.push(chunk)
    this.#length += chunk.length
    while (this.#length >= 4) {
      if (this.#parts[0]!.length < 4) this.#join()
      const size = 4 + this.#parts[0]!.readInt32BE(0)
      if (this.#length < size) return
      this.#join()
      const [all] = this.#parts
      this.#parts = [all!.subarray(size)]
      this.#length -= size
      this.#onFrame(all!.subarray(0, size))
    }
  }

  #join(): void {
    this.#parts = [Buffer.concat(this.#parts)]
  }
}
