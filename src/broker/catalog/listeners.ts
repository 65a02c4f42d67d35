// The addresses in `listeners` and `advertised.listeners`: NAME://HOST:PORT, and what each of them
// speaks. Those of a controller quorum are left out, so that an ordinary server.properties works.

import type { BrokerConfig } from './broker-config-keys.ts'
import type { SecurityProtocol } from './security-protocol.ts'
import { ConfigError } from './static-settings.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

export interface ListenerPlan {
  readonly name: string
  readonly protocol: SecurityProtocol
  /** Where to listen; port 0 takes a free one. */
  readonly bind: Address
  /** What clients are told, when it is not the address listened on. */
  readonly advertise: Address | undefined
}

interface NamedAddress extends Address {
  readonly name: string
}

const LISTENER = /^([A-Za-z0-9_.-]+):\/\/(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]/\s]*)):([0-9]{1,5})$/
const EVERY_ADDRESS = '0.0.0.0'
const protocols: readonly string[] = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL']

/** In the order of `listeners`, at least one. @throws ConfigError */
export function planListeners(config: BrokerConfig): ListenerPlan[] {
  const listeners = clientListeners(config.listeners, config)
  if (listeners.length === 0) throw new ConfigError('listeners names no address for clients.')
  const advertised = clientListeners(config.advertisedListeners ?? [], config)
  requireDistinct(listeners, 'listeners')
  requireDistinct(advertised, 'advertised.listeners')
  for (const { name, host } of advertised) {
    if (!listeners.some((listener) => listener.name === name)) {
      throw new ConfigError(`advertised.listeners names ${name}, which listeners does not.`)
    }
    if (host === '' || host === EVERY_ADDRESS) {
      throw new ConfigError('advertised.listeners needs a host that clients can reach.')
    }
  }
  return listeners.map(({ name, host, port }) => {
    const told = advertised.find((listener) => listener.name === name)
    return {
      name,
      protocol: protocolOf(name, config),
      bind: { host: host === '' ? EVERY_ADDRESS : host, port },
      advertise: told && { host: told.host, port: told.port },
    }
  })
}

function clientListeners(texts: readonly string[], config: BrokerConfig): NamedAddress[] {
  const left = config.controllerListenerNames ?? []
  return texts.map(parseListener).filter(({ name }) => !left.includes(name))
}

function parseListener(text: string): NamedAddress {
  const match = LISTENER.exec(text)
  const port = Number(match?.[4])
  if (match === null || port > 65_535) {
    throw new ConfigError(`'${text}' is no listener: it must be like PLAINTEXT://127.0.0.1:9092.`)
  }
  return { name: match[1]!, host: match[2] ?? match[3] ?? '', port }
}

/** Settings of a listener go by its name in lower case, so that one has to be its own as well. */
function requireDistinct(listeners: readonly NamedAddress[], key: string): void {
  const names = new Set(listeners.map(({ name }) => name.toLowerCase()))
  if (names.size < listeners.length) {
    throw new ConfigError(`${key} names a listener twice: each needs a name of its own.`)
  }
  const fixed = listeners.filter(({ port }) => port !== 0)
  const places = new Set(fixed.map(({ host, port }) => `${host}:${port}`))
  if (key === 'listeners' && places.size < fixed.length) {
    throw new ConfigError('listeners names an address twice: each listener needs its own port.')
  }
}

function protocolOf(name: string, config: BrokerConfig): SecurityProtocol {
  const entries = config.listenerSecurityProtocolMap.split(',').map((entry) => entry.split(':'))
  const mapped = entries.find(([listener]) => listener?.trim() === name)?.[1]?.trim()
  const protocol = (mapped ?? name).toUpperCase()
  if (isProtocol(protocol)) return protocol
  const what = mapped === undefined ? 'stands for no protocol' : `cannot speak ${mapped}`
  throw new ConfigError(
    `Listener ${name} ${what}: map it to one of ${protocols.join(', ')} in listener.security.protocol.map.`,
  )
}

function isProtocol(text: string): text is SecurityProtocol {
  return protocols.includes(text)
}
