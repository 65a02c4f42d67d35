// Why an embedded broker could not be opened, when it is its address.

import type { NetError } from '../../host/net.ts'
import { MillraceError } from '../../sdk/events/errors.ts'

/** Another process, or another engine of this one, listens there. */
export class AddressInUseError extends MillraceError {
  readonly code = 'address-in-use'
  readonly retriable = false

  /** @internal */
  constructor(cause: NetError) {
    super(
      `The embedded broker cannot listen, its address ${cause.address} is taken: give it another ` +
        "one with `listen: '127.0.0.1:0'`, where 0 is any free port, or none with `listen: false`.",
      { cause },
    )
  }
}
