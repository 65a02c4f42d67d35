// The port to TCP. A socket takes whole answers as lists of buffers in one gathering write, says
// when its peer does not keep up, and hands over what arrives in one of two ways: as chunks
// (`onData`), or written straight to where the receiver wants it (`onRead`), which costs half as much.
// Invariant: errors of a socket never surface as exceptions: they close it.

export interface NetAddress {
  readonly host: string
  readonly port: number
}

export interface Net {
  /** Port 0 takes a free one. @throws NetError */
  listen(address: NetAddress, onSocket: (socket: NetSocket) => void): Promise<NetServer>
  /** @throws NetError */
  connect(address: NetAddress, options?: { timeoutMs?: number }): Promise<NetSocket>
}

export interface NetServer {
  /** The port that was really bound. */
  readonly port: number
  /** Accepts no more; sockets that are open stay open. Resolves when the last of them has closed. */
  close(): Promise<void>
}

/** Where arriving bytes go. */
export interface NetReceiver {
  /**
   * Where the next bytes are to be written, at least one byte of room. Asked for once before each
   * `filled`; nothing may be moved or reused until then, unless every receiver that shares the
   * buffer is done with its content when `filled` returns.
   */
  target(): Buffer
  /** That many bytes, at least one, stand at the start of the last target. May pause or destroy. */
  filled(bytes: number): void
}

export interface NetSocket {
  /** `address:port` of the peer. */
  readonly remoteAddress: string
  /** Our own address that the peer reached, without the port. */
  readonly localAddress: string
  /** Bytes handed to `write` that the peer has not taken yet. */
  readonly bufferedBytes: number
  /** Starts reading. A chunk may be kept: nothing writes to it again. Not together with `onRead`. */
  onData(listener: (chunk: Buffer) => void): void
  /** Starts reading, in place of `onData`; call it before anything is written. */
  onRead(receiver: NetReceiver): void
  /** Called once, however it ended. */
  onClose(listener: () => void): void
  /** Called when all that was buffered has been taken after `write` said false. */
  onDrain(listener: () => void): void
  /**
   * One gathering write. False: stop writing until `onDrain`. The buffers must not change until
   * `onWritten` is called: all bytes are with the operating system, or the socket is closed.
   */
  write(chunks: readonly Buffer[], onWritten?: () => void): boolean
  pause(): void
  resume(): void
  /** Sends what is buffered, then closes; a peer that does not close in turn is cut off. */
  end(): void
  destroy(): void
}

export type NetErrorCode = 'address-in-use' | 'address-not-ours' | 'permission' | 'unreachable'

/** Listening or connecting failed; `address` is `host:port`. */
export class NetError extends Error {
  override readonly name = 'NetError'
  readonly code: NetErrorCode
  readonly address: string

  constructor(code: NetErrorCode, address: string, cause: unknown) {
    super(`${code}: ${address}`, { cause })
    this.code = code
    this.address = address
  }
}
