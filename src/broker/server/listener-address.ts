// Where a listener is, as its clients are told.

import type { SecurityProtocol } from '../catalog/security-protocol.ts'
import type { HostAndPort } from './host-and-port.ts'

export interface ListenerAddress extends HostAndPort {
  /** As in `listeners`. */
  readonly name: string
  readonly protocol: SecurityProtocol
}
