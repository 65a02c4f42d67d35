// The way to the broker, as long as the transport that was opened is not closed.

import type { LocalClient } from '../../broker/local/local-client.ts'
import { TransportClosedError } from '../../sdk/transport/errors.ts'

export class Lease {
  readonly #client: LocalClient
  #isClosed = false

  constructor(client: LocalClient) {
    this.#client = client
  }

  /** @throws TransportClosedError */
  get client(): LocalClient {
    if (this.#isClosed) throw new TransportClosedError()
    return this.#client
  }

  close(): void {
    this.#isClosed = true
  }
}
