// The broker in the application's own process: no sockets between them, one folder for both. A Kafka
// listener on loopback is opened beside, so that the CLI and other clients see what goes on. How long a
// member may be silent is a matter of the group, as KIP-848 has it (`consumer.session.timeout.ms`):
// here none falls silent by itself.

import type { BrokerOptions } from '../../broker/broker.ts'
import type { Engine } from '../../sdk/transport/transport.ts'
import { capabilities, name } from './capabilities.ts'
import { EmbeddedTransport } from './embedded-transport.ts'
import { SharedBroker } from './shared-broker.ts'

export interface EmbeddedPlace {
  /** The data folder; made when it is missing. One process at a time has it. */
  readonly dir?: string
  /** Instead of a folder: everything in memory, at most so many bytes (1 GiB), gone with the process. */
  readonly memory?: true | { readonly maxBytes: number }
}

export interface EmbeddedOptions extends EmbeddedPlace {
  /** Where Kafka clients and the CLI find it; port 0 takes a free one. Default `127.0.0.1:9092`. */
  readonly listen?: string | false
  /** The broker's settings, by Kafka's names. */
  readonly config?: Readonly<Record<string, string>>
  /** Takes the broker's own log, one JSON object a line. Default: it is not kept. */
  readonly onLog?: (line: string) => void
}

export interface EmbeddedEngine extends Engine {
  /** Where Kafka clients reach it while it is open, with the ports that were really bound. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[]
}

/**
 * Making it does nothing. The broker starts with the first `connect` that uses this value, and stops
 * with the last one that is closed; `open` rejects as `startBroker` does,
 * and with AddressInUseError.
 */
export function embedded({ dir, memory, ...rest }: EmbeddedOptions): EmbeddedEngine {
  if ((dir === undefined) === (memory === undefined)) {
    throw new TypeError('embedded() needs either a folder, `dir`, or `memory: true`.')
  }
  const place: BrokerOptions = dir === undefined ? { memory: memory! } : { folder: dir }
  const shared = new SharedBroker({ ...place, ...rest })
  return {
    name,
    capabilities,
    get addresses() {
      return shared.addresses
    },
    open: async (options) => {
      const broker = await shared.open()
      await broker.local.loaded()
      return new EmbeddedTransport(broker, options, () => shared.release())
    },
  }
}
