// The way to the broker, as long as the transport that was opened is not closed.

import type { LocalClient } from '../../broker/local/local-client.ts'
import { TransportClosedError } from '../../sdk/transport/errors.ts'

export class Lease {
  readonly #client: LocalClient
  readonly #closing = new AbortController()

  constructor(client: LocalClient) {
    this.#client = client
  }

  /** @throws TransportClosedError */
  get client(): LocalClient {
    if (this.closed.aborted) throw new TransportClosedError()
    return this.#client
  }

  /** Aborted when it is over. */
  get closed(): AbortSignal {
    return this.#closing.signal
  }

  close(): void {
    this.#closing.abort()
  }
}
