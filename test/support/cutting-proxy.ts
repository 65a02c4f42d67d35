// Stands between clients and a broker, and cuts every line at the moment that a test chose: when a
// request of one API has been passed on, and before anybody could hear the answer.

import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

const LENGTH_BYTES = 4
const API_KEY_AT = 4

export interface CuttingProxy extends AsyncDisposable {
  readonly port: number
  /** The next request of this API is the last that anything is heard of, until `mend`. */
  cutAfter(apiKey: number): void
  mend(): void
  /** Resolves when it was cut. */
  readonly cut: Promise<void>
}

/** @returns one that nobody has just now */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const port = portOf(server)
  server.close()
  await once(server, 'close')
  return port
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return address.port
}

export async function startCuttingProxy(targetPort: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>()
  const wasCut = Promise.withResolvers<void>()
  let fatalApi: number | undefined
  let isCut = false

  const track = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
  }
  const cutAll = () => {
    isCut = true
    for (const socket of sockets) socket.destroy()
    wasCut.resolve()
  }

  const server = createServer((client) => {
    if (isCut) {
      client.destroy()
      return
    }
    const broker = connect({ host: '127.0.0.1', port: targetPort, noDelay: true })
    track(client)
    track(broker)
    client.on('close', () => broker.end())
    broker.on('close', () => client.destroy())
    broker.on('data', (bytes) => {
      if (!isCut) client.write(bytes)
    })
    const frames = new FrameReader()
    client.on('data', (bytes) => {
      const isFatal = frames.read(bytes).some((apiKey) => apiKey === fatalApi)
      if (!isFatal) {
        broker.write(bytes)
        return
      }
      // The broker has it in hand before the line breaks: its answer is what gets lost.
      isCut = true
      broker.write(bytes)
      broker.once('data', cutAll)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy: CuttingProxy = {
    port: portOf(server),
    cut: wasCut.promise,
    cutAfter: (apiKey) => {
      fatalApi = apiKey
    },
    mend: () => {
      fatalApi = undefined
      isCut = false
    },
    [Symbol.asyncDispose]: async () => {
      cutAll()
      server.close()
      await once(server, 'close')
    },
  }
  return proxy
}

/** Tells the API of each request that begins in what comes. */
class FrameReader {
  #held = Buffer.alloc(0)

  read(bytes: Buffer): number[] {
    this.#held = Buffer.concat([this.#held, bytes])
    const apiKeys: number[] = []
    while (this.#held.length >= API_KEY_AT + 2) {
      const end = LENGTH_BYTES + this.#held.readInt32BE(0)
      if (this.#held.length < end) break
      apiKeys.push(this.#held.readInt16BE(API_KEY_AT))
      this.#held = this.#held.subarray(end)
    }
    return apiKeys
  }
}
