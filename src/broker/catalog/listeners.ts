// The addresses in `listeners` and `advertised.listeners`: NAME://HOST:PORT. One plain listener
// exists; those of a controller quorum are left out, so that an ordinary server.properties works.

import type { BrokerConfig } from './broker-config-keys.ts'
import { ConfigError } from './static-settings.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

interface Listener extends Address {
  readonly name: string
}

const LISTENER = /^([A-Za-z0-9_.-]+):\/\/(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]/\s]*)):([0-9]{1,5})$/
const EVERY_ADDRESS = '0.0.0.0'

/** The address to listen on. Port 0 takes a free one. @throws ConfigError */
export function listenAddress(config: BrokerConfig): Address {
  const listeners = clientListeners(config.listeners, config)
  const [listener, ...others] = listeners
  if (listener === undefined) throw new ConfigError('listeners names no address for clients.')
  if (others.length > 0) {
    throw new ConfigError(
      `listeners names ${listeners.length} addresses for clients; only one exists yet.`,
    )
  }
  requirePlaintext(listener, config)
  return { host: listener.host === '' ? EVERY_ADDRESS : listener.host, port: listener.port }
}

/** The address that clients are told, when it is not the one listened on. @throws ConfigError */
export function advertisedAddress(config: BrokerConfig): Address | undefined {
  const [listener] = clientListeners(config.advertisedListeners ?? [], config)
  if (listener === undefined) return undefined
  if (listener.host === '' || listener.host === EVERY_ADDRESS) {
    throw new ConfigError('advertised.listeners needs a host that clients can reach.')
  }
  return { host: listener.host, port: listener.port }
}

function clientListeners(texts: readonly string[], config: BrokerConfig): Listener[] {
  const left = config.controllerListenerNames ?? []
  return texts.map(parseListener).filter(({ name }) => !left.includes(name))
}

function parseListener(text: string): Listener {
  const match = LISTENER.exec(text)
  const port = Number(match?.[4])
  if (match === null || port > 65_535) {
    throw new ConfigError(`'${text}' is no listener: it must be like PLAINTEXT://127.0.0.1:9092.`)
  }
  return { name: match[1]!, host: match[2] ?? match[3] ?? '', port }
}

function requirePlaintext({ name }: Listener, config: BrokerConfig): void {
  const entries = config.listenerSecurityProtocolMap.split(',').map((entry) => entry.split(':'))
  const protocol = entries.find(([listener]) => listener?.trim() === name)?.[1]?.trim() ?? name
  if (protocol !== 'PLAINTEXT') {
    throw new ConfigError(`Listener ${name} speaks ${protocol}; only PLAINTEXT exists yet.`)
  }
}
