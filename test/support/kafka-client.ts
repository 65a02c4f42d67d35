// A small client for tests: speaks the declared protocol over a real socket, one request at a time
// or several in flight, and can send bytes that no client would.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Api, DecodedResponseOf } from '../../src/broker/protocol/api.ts'
import { correlationIdOf, decodeResponse, encodeRequest } from '../../src/broker/protocol/frames.ts'
import type { Fields, Infer, InferInput } from '../../src/broker/wire/field.ts'

interface Waiting {
  readonly resolve: (frame: Buffer) => void
  readonly reject: (error: Error) => void
}

export class KafkaClient implements AsyncDisposable {
  readonly socket: Socket
  readonly #clientId: string
  readonly #waiting = new Map<number, Waiting>()
  #nextCorrelationId = 1
  #received = Buffer.alloc(0)
  /** Correlation ids in the order in which their answers came. */
  readonly answered: number[] = []

  private constructor(socket: Socket, clientId: string) {
    this.socket = socket
    this.#clientId = clientId
    socket.on('data', (chunk) => this.#receive(chunk))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('connection closed'))
      this.#waiting.clear()
    })
  }

  static async connect(
    address: { host: string; port: number },
    clientId = 'test-client',
  ): Promise<KafkaClient> {
    const socket = connect({ ...address, noDelay: true })
    await once(socket, 'connect')
    return new KafkaClient(socket, clientId)
  }

  /** On a connection that was made by other means, such as TLS. */
  static over(socket: Socket, clientId = 'test-client'): KafkaClient {
    return new KafkaClient(socket, clientId)
  }

  /** Sends a request and resolves with the decoded body. Rejects when the connection closes. */
  async send<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    apiVersion: number,
    body: InferInput<Req>,
  ): Promise<Infer<Res>> {
    const correlationId = this.#nextCorrelationId++
    const header = { apiVersion, correlationId, clientId: this.#clientId }
    const answer = new Promise<Buffer>((resolve, reject) => {
      if (this.socket.destroyed) reject(new Error('connection closed'))
      else this.#waiting.set(correlationId, { resolve, reject })
    })
    this.socket.write(Buffer.concat(encodeRequest(api, header, body)))
    return decodeResponse(api, apiVersion, await answer).body
  }

  /** Sends a request that has no answer (Produce with acks=0). */
  post<Req extends Fields>(api: Api<Req, Fields>, apiVersion: number, body: InferInput<Req>): void {
    const header = {
      apiVersion,
      correlationId: this.#nextCorrelationId++,
      clientId: this.#clientId,
    }
    this.socket.write(Buffer.concat(encodeRequest(api, header, body)))
  }

  /**
   * Resolves when the broker has closed the connection, or reset it: what it had not read when it
   * closed makes a reset of it. So not events.once, which would fail with ECONNRESET.
   */
  async closed(): Promise<void> {
    if (this.socket.closed) return
    await new Promise<void>((resolve) => this.socket.once('close', () => resolve()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy()
    await this.closed()
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    while (this.#received.length >= 4) {
      const end = 4 + this.#received.readInt32BE(0)
      if (this.#received.length < end) return
      const frame = this.#received.subarray(4, end)
      this.#received = this.#received.subarray(end)
      const correlationId = correlationIdOf(frame)
      this.answered.push(correlationId)
      this.#waiting.get(correlationId)?.resolve(frame)
      this.#waiting.delete(correlationId)
    }
  }
}

export type AnswerOf<A> = DecodedResponseOf<A>
