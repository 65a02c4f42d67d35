// One client connection: frames in, answers out.
// Invariant: requests start and answer in the order they came. Consecutive Produces may overlap
// (they share a sync); any other request waits until those before it are answered (DECISIONS,
// connection order). What is held is bounded: a connection that has too much in flight, or whose
// peer does not read its answers, or whose client is above a quota, is not read from (TCP pushes
// back), and one that makes no progress for `connections.max.idle.ms` is closed.

import type { Clock, Timers } from '../../host/clock.ts'
import type { NetReceiver, NetSocket } from '../../host/net.ts'
import { ApiKey } from '../wire/api-keys.ts'
import type { BufferPool } from './buffer-pool.ts'
import { type Dispatch, type Dispatched, RequestRefused } from './dispatch.ts'
import { FrameAssembly, type FrameBounds } from './frame-assembly.ts'
import type { ClientConnection } from './handler.ts'
import type { HostAndPort } from './host-and-port.ts'
import { describeError, type JsonLog } from './json-log.ts'
import { hasLargeAnswers } from './large-answers.ts'
import { Mute } from './quotas/mute.ts'
import type { MemoryWaiter, RequestMemory } from './request-memory.ts'
import type { ResponseMemory } from './response-memory.ts'
import type { Login } from './security/login.ts'
import { ANONYMOUS, type Principal } from './security/principal.ts'

export interface ConnectionLimits {
  /** `socket.request.max.bytes`: a larger frame closes the connection. */
  readonly maxFrameBytes: number
  /** Bytes of requests one connection may have waiting or running; above, it is not read from. */
  readonly maxInFlightBytes: number
  /** Requests one connection may have waiting or running. */
  readonly maxInFlightRequests: number
  /** `connections.max.idle.ms` */
  readonly maxIdleMs: number
}

interface Request {
  readonly frame: Buffer
  /** Where its bytes count. */
  readonly memory: RequestMemory
  readonly mayOverlap: boolean
  answer: readonly Buffer[] | undefined
  onSent: (() => void) | undefined
  isLast: boolean
  /** Of the answer, until it is written: reserved in the memory of answers. */
  heldBytes: number
  isDone: boolean
}

/** Smaller answers are not counted: a connection has few of them at a time. */
const COUNTED_ANSWER_BYTES = 16 * 1024

/** This much of a frame must arrive within the idle time, or the peer is dripping. */
const PROGRESS_BYTES = 64 * 1024

export class Connection implements ClientConnection, MemoryWaiter, NetReceiver {
  readonly id: number
  readonly remoteAddress: string
  readonly advertised: HostAndPort
  readonly login: Login | undefined
  readonly #principal: Principal
  readonly #socket: NetSocket
  readonly #dispatch: Dispatch
  readonly #limits: ConnectionLimits
  #memory: RequestMemory
  readonly #responses: ResponseMemory
  readonly #pool: BufferPool
  readonly #log: JsonLog
  readonly #clock: Clock
  readonly #assembly: FrameAssembly
  readonly #timers: Timers
  readonly #closeListeners = new Set<() => void>()
  #partialBytes = 0
  #reservedBytes = 0
  /** Received, not started. */
  #waiting: Request[] = []
  /** Started, not answered; one, or several Produces. */
  #running: Request[] = []
  #inFlightBytes = 0
  /** Bytes of large answers that the operating system has not taken yet. */
  #unsentBytes = 0
  #isFlushScheduled = false
  #isWriteBlocked = false
  #isWaitingForRoom = false
  #isPaused = false
  /** Made when the client is above a quota for the first time. */
  #mute: Mute | undefined
  #isDraining = false
  #isClosed = false
  #progressAtMs: number
  #progressBytes = 0

  constructor(options: {
    id: number
    socket: NetSocket
    advertised: HostAndPort
    /** Who it is known to be already. */
    principal?: Principal | undefined
    /** Where it has to say who it is, and the memory that its requests take until then. */
    login?: { state: Login; memory: RequestMemory } | undefined
    dispatch: Dispatch
    limits: ConnectionLimits
    memory: RequestMemory
    responses: ResponseMemory
    /** Shared by all connections: nothing in it is needed once `filled` returns. */
    scratch: Buffer
    pool: BufferPool
    log: JsonLog
    clock: Clock
    timers: Timers
  }) {
    this.id = options.id
    this.#socket = options.socket
    this.remoteAddress = options.socket.remoteAddress
    this.advertised = options.advertised
    this.#dispatch = options.dispatch
    this.#limits = options.limits
    this.#principal = options.principal ?? ANONYMOUS
    this.login = options.login?.state
    this.#memory = options.login?.memory ?? options.memory
    this.#responses = options.responses
    this.#pool = options.pool
    this.#log = options.log
    this.#clock = options.clock
    this.#timers = options.timers
    this.#assembly = new FrameAssembly({
      maxFrameBytes: options.limits.maxFrameBytes,
      boundsNow: () => this.login && boundsBeforeLogin(this.login),
      scratch: options.scratch,
      pool: options.pool,
      mayReserve: (bytes) => this.#memory.mayReserve(bytes),
      onFrame: (frame) => this.#accept(frame),
      onFault: (reason) => this.close(reason),
    })
    this.login?.onDone(() => this.#takeMemoryFrom(options.memory))
    this.#progressAtMs = options.clock.monotonicMs()
    this.#socket.onDrain(() => this.#drained())
    this.#socket.onClose(() => this.#closed())
    this.#socket.onRead(this)
  }

  /** On the monotonic clock: when something last moved. */
  get lastActiveMs(): number {
    return this.#progressAtMs
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  get principal(): Principal {
    return this.login?.principal ?? this.#principal
  }

  onClose(listener: () => void): () => void {
    this.#closeListeners.add(listener)
    return () => this.#closeListeners.delete(listener)
  }

  /** Closes at once; answers that are not written yet are lost. Logged unless there is no reason. */
  close(reason?: string, request?: { clientId: string | null; api: string; apiVersion: number }) {
    if (this.#isClosed) return
    if (reason !== undefined) {
      this.#log.warn('connection-closed', {
        reason,
        remote: this.remoteAddress,
        clientId: request?.clientId,
        api: request?.api,
        apiVersion: request?.apiVersion,
      })
    }
    this.#socket.destroy()
    this.#closed()
  }

  /** Reads no more, answers what has come, then closes. */
  drain(): void {
    if (this.#isDraining || this.#isClosed) return
    this.#isDraining = true
    this.#socket.resume() // what comes is dropped, but the peer's close is seen
    this.#endIfDrained()
  }

  /** Closes when nothing has moved for the idle time, unless it is we who hold things up. */
  closeIfIdle(nowMs: number): void {
    const isOurTurn = (this.#running.length > 0 || this.#isPaused) && !this.#isWriteBlocked
    if (isOurTurn) this.#progressAtMs = nowMs
    if (nowMs - this.#progressAtMs < this.#limits.maxIdleMs) return
    const isMidway = this.#assembly.receivedBytes > 0 || this.#isWriteBlocked
    this.close(isMidway ? 'the peer made no progress for connections.max.idle.ms' : undefined)
  }

  target(): Buffer {
    return this.#assembly.target()
  }

  filled(bytes: number): void {
    if (this.#isClosed || this.#isDraining) return
    this.#assembly.filled(bytes)
    if (this.#isClosed) return
    this.#accountPartial()
    this.#start()
    this.#updateReading()
  }

  get isMidFrame(): boolean {
    return this.#assembly.receivedBytes > 0
  }

  onMemory(): void {
    this.#updateReading()
  }

  #accept(frame: Buffer): void {
    this.#progressed()
    this.#memory.addComplete(frame.length)
    this.#inFlightBytes += frame.length
    const mayOverlap =
      this.login?.isPending !== true && frame.length > 1 && frame.readInt16BE(0) === ApiKey.PRODUCE
    this.#waiting.push({
      frame,
      memory: this.#memory,
      mayOverlap,
      answer: undefined,
      onSent: undefined,
      heldBytes: 0,
      isLast: false,
      isDone: false,
    })
  }

  #accountPartial(): void {
    const { receivedBytes, reservedBytes } = this.#assembly
    const arrived = receivedBytes - this.#partialBytes
    const reserved = reservedBytes - this.#reservedBytes
    if (arrived !== 0 || reserved !== 0) {
      this.#memory.addPartial({ arrivedBytes: arrived, reservedBytes: reserved })
      this.#partialBytes = receivedBytes
      this.#reservedBytes = reservedBytes
    }
    if (receivedBytes === 0) this.#memory.forget(this)
    if (receivedBytes - this.#progressBytes >= PROGRESS_BYTES) {
      this.#progressBytes = receivedBytes
      this.#progressAtMs = this.#clock.monotonicMs()
    }
  }

  #start(): void {
    while (this.#waiting.length > 0 && !this.#isWriteBlocked && !this.#isClosed) {
      const next = this.#waiting[0]!
      const last = this.#running[this.#running.length - 1]
      if (last !== undefined && !(last.mayOverlap && next.mayOverlap)) return
      if (this.#mustWaitForRoom(next)) return
      this.#waiting.shift()
      this.#running.push(next)
      this.#dispatch(next.frame, this)
        .then(
          (outcome) => this.#finish(next, outcome),
          (error) => this.#fail(next, error),
        )
        .catch((error) => this.#closeForBug(error))
    }
  }

  /** Answers that can be large are not made while those that nobody takes fill the memory for them. */
  #mustWaitForRoom({ frame, mayOverlap }: Request): boolean {
    if (mayOverlap || !this.#responses.isFull) return false
    // Of a login frames may be tokens, which are no requests.
    if (this.login?.isPending === true || frame.length < 2) return false
    if (!hasLargeAnswers(frame.readInt16BE(0))) return false
    if (this.#isWaitingForRoom) return true
    this.#isWaitingForRoom = true
    const room = this.#responses.reserve({ bytes: 0, leastBytes: 0 }, this)
    void Promise.resolve(room).then(() => {
      this.#isWaitingForRoom = false
      this.#start()
    })
    return true
  }

  #finish(request: Request, dispatched: Dispatched): void {
    const {
      chunks,
      onSent,
      isFrameFree,
      throttleMs = 0,
      isLast = false,
      heldBytes = 0,
    } = dispatched
    if (this.#isClosed) this.#responses.release(heldBytes)
    else request.heldBytes = heldBytes
    request.isDone = true
    request.answer = chunks
    request.onSent = onSent
    request.isLast = isLast
    // The frame lives until here: its batches were written from it.
    this.#inFlightBytes -= request.frame.length
    request.memory.release(request.frame.length)
    if (isFrameFree) this.#pool.give(request.frame)
    if (throttleMs > 0 && !this.#isClosed) this.#muteFor(throttleMs)
    if (this.#isClosed || this.#isFlushScheduled || this.#running[0] !== request) return
    this.#isFlushScheduled = true
    // After all promises that the same sync settles: their answers leave in one write.
    process.nextTick(() => this.#flush())
  }

  #fail(request: Request, error: unknown): void {
    this.#finish(request, { chunks: undefined, isFrameFree: false })
    if (error instanceof RequestRefused) this.close(error.message, error)
    else this.#closeForBug(error)
  }

  #closeForBug(error: unknown): void {
    this.#log.error('bug', { where: 'connection', error: describeError(error) })
    this.close('internal error')
  }

  #flush(): void {
    this.#isFlushScheduled = false
    if (this.#isClosed) return
    const chunks: Buffer[] = []
    const sent: (() => void)[] = []
    let done = 0
    let heldBytes = 0
    for (const request of this.#running) {
      const { isDone, answer, onSent, isLast } = request
      if (!isDone) break
      done++
      heldBytes += request.heldBytes
      if (isLast) this.#isDraining = true
      for (const chunk of answer ?? []) chunks.push(chunk)
      if (onSent !== undefined) sent.push(onSent)
    }
    this.#running.splice(0, done)
    if (this.#running.length === 0 && this.login?.hasFailed) this.#dropWaiting()
    this.#progressed()
    if (chunks.length > 0 && !this.#write(chunks, sent, heldBytes)) this.#isWriteBlocked = true
    this.#start()
    this.#updateReading()
    this.#endIfDrained()
  }

  /** @param heldBytes of them are counted already */
  #write(chunks: readonly Buffer[], sent: readonly (() => void)[], heldBytes: number): boolean {
    let bytes = 0
    for (const chunk of chunks) bytes += chunk.length
    const isCounted = bytes >= COUNTED_ANSWER_BYTES || sent.length > 0
    this.#responses.add((isCounted ? bytes : 0) - heldBytes)
    if (!isCounted) return this.#socket.write(chunks)
    if (this.#unsentBytes === 0) this.#responses.addReader(this)
    this.#unsentBytes += bytes
    return this.#socket.write(chunks, () => {
      for (const onSent of sent) onSent()
      if (this.#isClosed) return
      this.#unsentBytes -= bytes
      if (this.#unsentBytes === 0) this.#responses.removeReader(this)
      this.#responses.release(bytes)
    })
  }

  #drained(): void {
    if (this.#isClosed) return
    this.#isWriteBlocked = false
    this.#progressed()
    this.#start()
    this.#updateReading()
    this.#endIfDrained()
  }

  #updateReading(): void {
    if (this.#isClosed || this.#isDraining) return
    const isFull =
      this.#inFlightBytes > this.#limits.maxInFlightBytes ||
      this.#waiting.length + this.#running.length >= this.#limits.maxInFlightRequests
    // A frame that has begun to arrive is read to its end: nobody's memory waits for a quota.
    const isMuted = this.#mute?.isMuted === true && !this.isMidFrame
    const mustPause = isFull || this.#isWriteBlocked || isMuted || this.#memory.mustWait(this)
    if (mustPause === this.#isPaused) return
    this.#isPaused = mustPause
    if (mustPause) this.#socket.pause()
    else this.#socket.resume()
  }

  #muteFor(delayMs: number): void {
    this.#mute ??= new Mute({
      clock: this.#clock,
      timers: this.#timers,
      onEnd: () => this.#updateReading(),
    })
    this.#mute.extend(delayMs)
  }

  #endIfDrained(): void {
    if (!this.#isDraining || this.#isClosed || this.#isWriteBlocked) return
    if (this.#running.length > 0 || this.#waiting.length > 0) return
    this.#socket.end()
  }

  /** What has come since is not answered. */
  #dropWaiting(): void {
    for (const { memory, frame } of this.#waiting) memory.release(frame.length)
    this.#waiting = []
  }

  /** From now on its requests count with everybody's. */
  #takeMemoryFrom(memory: RequestMemory): void {
    const partial = { arrivedBytes: this.#partialBytes, reservedBytes: this.#reservedBytes }
    this.#memory.addPartial({
      arrivedBytes: -partial.arrivedBytes,
      reservedBytes: -partial.reservedBytes,
    })
    this.#memory.forget(this)
    this.#memory = memory
    memory.addPartial(partial)
  }

  #progressed(): void {
    this.#progressAtMs = this.#clock.monotonicMs()
    this.#progressBytes = 0
  }

  #closed(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#mute?.cancel()
    this.#dropWaiting()
    this.#memory.addPartial({
      arrivedBytes: -this.#partialBytes,
      reservedBytes: -this.#reservedBytes,
    })
    this.#memory.forget(this)
    this.#responses.removeReader(this)
    let unsentBytes = this.#unsentBytes
    for (const { isDone, heldBytes } of this.#running) if (isDone) unsentBytes += heldBytes
    this.#responses.release(unsentBytes)
    for (const listener of [...this.#closeListeners]) listener()
    this.#closeListeners.clear()
  }
}

function boundsBeforeLogin(login: Login): FrameBounds | undefined {
  if (!login.isPending && !login.expectsBareToken) return undefined
  const limitName = 'sasl.server.max.receive.size'
  // A bare token may be of any length, also none.
  return {
    ...(login.expectsBareToken && { minBytes: 0 }),
    maxBytes: login.maxReceiveBytes,
    limitName,
  }
}
