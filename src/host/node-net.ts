// The net port on Node's sockets.
//
// Receiving into the receiver's own memory is `onread`, which Node offers for outgoing sockets only.
// An accepted socket is therefore rebuilt on its handle, a private property; this is done in
// `adoptHandle` alone, and where the handle is missing or `directReads` is off the same receiver is
// fed from 'data' events at the price of a copy. So are sockets that speak TLS (tls.ts).

import { createServer, connect as openSocket, type Server, Socket } from 'node:net'
import type { NetServer, NetSocket } from './net.ts'
import { type Net, type NetAddress, NetError, type NetErrorCode, type NetReceiver } from './net.ts'

const CONNECT_TIMEOUT_MS = 10_000
/** How long a peer may take to close after `end()`. */
const LINGER_MS = 5_000

const CODES: Record<string, NetErrorCode> = {
  EADDRINUSE: 'address-in-use',
  EADDRNOTAVAIL: 'address-not-ours',
  EACCES: 'permission',
  EPERM: 'permission',
}

/** @param directReads off: never touch the private handle, always read by 'data' events */
export function makeNodeNet({ directReads }: { directReads: boolean }): Net {
  return {
    listen: (address, onSocket) => listen(address, directReads, onSocket),
    connect: (address, { timeoutMs = CONNECT_TIMEOUT_MS } = {}) => connect(address, timeoutMs),
  }
}

export const nodeNet: Net = makeNodeNet({ directReads: true })

function listen(
  address: NetAddress,
  directReads: boolean,
  onSocket: (socket: NetSocket) => void,
): Promise<NetServer> {
  return new Promise((resolve, reject) => {
    // Paused: not a byte is read before the receiver has said where it goes.
    const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
      onSocket(new NodeSocket(socket, directReads ? server : undefined))
    })
    const failed = (error: Error) => reject(toNetError(address, error))
    server.once('error', failed)
    server.listen({ host: address.host, port: address.port }, () => {
      server.off('error', failed)
      // Accepting failed, mostly for want of descriptors: that connection is lost, others go on.
      server.on('error', () => undefined)
      resolve({ port: boundPort(server), close: () => closeServer(server) })
    })
  })
}

function connect(address: NetAddress, timeoutMs: number): Promise<NetSocket> {
  return new Promise((resolve, reject) => {
    const socket = openSocket({ host: address.host, port: address.port, noDelay: true })
    const fail = (error: unknown) => {
      clearTimeout(deadline)
      socket.destroy()
      reject(toNetError(address, error))
    }
    const deadline = setTimeout(() => fail(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs)
    socket.once('error', fail)
    socket.once('connect', () => {
      clearTimeout(deadline)
      socket.off('error', fail)
      resolve(new NodeSocket(socket))
    })
  })
}

/** The socket of Node behind one of this port that nothing has been done with yet. */
export function plainSocketOf(socket: NetSocket): Socket {
  if (socket instanceof NodeSocket) return socket.release()
  throw new TypeError('TLS needs a socket of this machine')
}

/** A paused socket of Node, whatever it speaks, as one of this port. */
export function netSocketOf(socket: Socket): NetSocket {
  return new NodeSocket(socket)
}

class NodeSocket implements NetSocket {
  readonly remoteAddress: string
  readonly localAddress: string
  #socket: Socket
  /** Set when the handle of this accepted socket may be taken over. */
  readonly #server: Server | undefined
  readonly #closeListeners: (() => void)[] = []
  readonly #drainListeners: (() => void)[] = []
  #linger: NodeJS.Timeout | undefined

  constructor(socket: Socket, server?: Server) {
    this.#socket = socket
    this.#server = server
    this.remoteAddress = `${socket.remoteAddress ?? 'gone'}:${socket.remotePort ?? 0}`
    this.localAddress = socket.localAddress ?? 'gone'
    this.#listenTo(socket)
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength
  }

  onData(listener: (chunk: Buffer) => void): void {
    this.#socket.on('data', listener)
    this.#socket.resume()
  }

  onRead(receiver: NetReceiver): void {
    const direct = this.#server && adoptHandle(this.#socket, this.#server, receiver)
    if (direct === undefined) {
      this.onData((chunk) => this.#feed(receiver, chunk))
      return
    }
    this.#socket = direct
    this.#listenTo(direct)
    direct.resume()
  }

  onClose(listener: () => void): void {
    this.#closeListeners.push(listener)
  }

  onDrain(listener: () => void): void {
    this.#drainListeners.push(listener)
  }

  write(chunks: readonly Buffer[], onWritten?: () => void): boolean {
    const socket = this.#socket
    if (!socket.writable || chunks.length === 0) {
      if (onWritten !== undefined) process.nextTick(onWritten)
      return true
    }
    const last = chunks.length - 1
    if (last > 0) socket.cork()
    for (let index = 0; index < last; index++) socket.write(chunks[index]!)
    // Node calls back with an error when the socket closes first: released is released.
    const canTakeMore = socket.write(chunks[last]!, onWritten && (() => onWritten()))
    if (last > 0) socket.uncork()
    return canTakeMore
  }

  /** Somebody else reads and writes; this one still says when it is closed, and can close it. */
  release(): Socket {
    return this.#socket
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    if (this.#socket.destroyed) return
    this.#socket.end(() => {
      this.#linger ??= setTimeout(() => this.#socket.destroy(), LINGER_MS).unref()
    })
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #listenTo(socket: Socket): void {
    socket.on('error', () => socket.destroy()) // 'close' follows, which is what listeners hear
    socket.on('drain', () => {
      for (const listener of this.#drainListeners) listener()
    })
    socket.once('close', () => {
      clearTimeout(this.#linger)
      for (const listener of this.#closeListeners) listener()
    })
  }

  #feed(receiver: NetReceiver, chunk: Buffer): void {
    let at = 0
    while (at < chunk.length && !this.#socket.destroyed) {
      const count = chunk.copy(receiver.target(), 0, at)
      at += count
      receiver.filled(count)
    }
  }
}

/**
 * A socket on the handle of `accepted` that reads where `receiver` wants it; `accepted` is an empty
 * shell afterwards. undefined when this Node keeps its handles elsewhere. Reached by name, since
 * `_handle`, `server` and `_server` are no part of Node's types.
 */
function adoptHandle(accepted: Socket, server: Server, receiver: NetReceiver): Socket | undefined {
  const handle: unknown = Reflect.get(accepted, '_handle')
  if (!readsIntoUserBuffer(handle)) return undefined
  accepted.removeAllListeners()
  Reflect.set(accepted, '_handle', null)
  let target: Buffer
  const onread = {
    // Node asks for the next buffer also when `filled` has just destroyed the socket.
    buffer: () => {
      if (!isDestroyed()) target = receiver.target()
      return target
    },
    callback: (bytes: number) => {
      receiver.filled(bytes)
      return true
    },
  }
  let socket: Socket | undefined
  const isDestroyed = () => socket?.destroyed === true
  socket = adopt({ handle, onread, pauseOnCreate: true })
  // The server counts its connections, and waits for them when it closes.
  for (const name of ['server', '_server']) {
    Reflect.set(accepted, name, null)
    Reflect.set(socket, name, server)
  }
  return socket
}

function readsIntoUserBuffer(handle: unknown): boolean {
  return typeof handle === 'object' && handle !== null && 'useUserBuffer' in handle
}

/** `new Socket`, with options that its types do not know. */
function adopt(options: object): Socket {
  return Reflect.construct(Socket, [options])
}

function boundPort(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('listening without a port')
  return address.port
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}

function toNetError({ host, port }: NetAddress, error: unknown): NetError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return new NetError(CODES[code] ?? 'unreachable', `${host}:${port}`, error)
}
