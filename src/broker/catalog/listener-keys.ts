// Keys for one listener: `listener.name.NAME.KEY`, and for one SASL mechanism of it
// `listener.name.NAME.MECHANISM.KEY`, names in lower case. They count above the plain key.
// Source: Kafka's ListenerName (KIP-103, KIP-226).

export interface ListenerKey {
  readonly listener: string
  readonly mechanism: string | undefined
  /** The key of the broker that it stands in for. */
  readonly key: string
  readonly altersAtRunTime: boolean
}

const PREFIX = 'listener.name.'
const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512', 'gssapi', 'oauthbearer']
const ofMechanisms = /^(sasl\.|connections\.max\.reauth\.ms$)/
const ofListeners = /^(ssl\.|sasl\.|connections\.max\.reauth\.ms$|principal\.builder\.class$)/

/** What a running broker takes anew: the certificates, as in Kafka. */
const atRunTime = /^ssl\.(key|trust)store\.|^ssl\.key\.password$/

/** undefined when the name is not of this form. That the key itself exists is not looked at. */
export function splitListenerKey(name: string): ListenerKey | undefined {
  if (!name.startsWith(PREFIX)) return undefined
  const rest = name.slice(PREFIX.length)
  // A listener's name may have dots in it.
  for (let dot = rest.indexOf('.'); dot >= 0; dot = rest.indexOf('.', dot + 1)) {
    const listener = rest.slice(0, dot)
    const found = splitMechanism(rest.slice(dot + 1))
    if (listener !== '' && found !== undefined) {
      return { listener, ...found, altersAtRunTime: atRunTime.test(found.key) }
    }
  }
  return undefined
}

export function listenerKey(listener: string, key: string, mechanism?: string): string {
  const words = [listener, ...(mechanism === undefined ? [] : [mechanism])]
  return `${PREFIX}${words.join('.').toLowerCase()}.${key}`
}

function splitMechanism(rest: string): Pick<ListenerKey, 'mechanism' | 'key'> | undefined {
  for (const mechanism of MECHANISMS) {
    const key = rest.slice(mechanism.length + 1)
    if (rest.startsWith(`${mechanism}.`) && ofMechanisms.test(key)) return { mechanism, key }
  }
  return ofListeners.test(rest) ? { mechanism: undefined, key: rest } : undefined
}
