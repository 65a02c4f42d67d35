// What one listener asks of whoever connects: its settings for TLS and SASL, checked as far as that
// goes without reading a file. Its own keys count above everybody's (listener-keys.ts).
// Source: Kafka's security documentation, KIP-651 (PEM), KIP-684 (client certificates under SASL).

import type { BrokerConfig } from './broker-config-keys.ts'
import type { BrokerSettings } from './broker-settings.ts'
import { brokerConfigKeys } from './config-keys.ts'
import { readConfig } from './config-value.ts'
import { parseJaas } from './jaas.ts'
import { listenerKey } from './listener-keys.ts'
import { type ListenerPlan, planListeners } from './listeners.ts'
import { type PrincipalMapping, parsePrincipalMapping } from './principal-mapping.ts'
import { speaksSasl, speaksTls } from './security-protocol.ts'
import { ConfigError } from './static-settings.ts'

export type SaslMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'

/** A PEM text, or the file that it is in. */
export type PemSource =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'file'; readonly path: string }

export interface TlsPlan {
  readonly certificateChain: PemSource
  /** In the same file, where that is a file. */
  readonly key: PemSource
  readonly keyPassword: string | undefined
  readonly trusted: PemSource | undefined
  readonly clientAuth: 'none' | 'requested' | 'required'
  readonly versions: readonly ('TLSv1.2' | 'TLSv1.3')[]
  /** As they were written. */
  readonly cipherSuites: readonly string[]
  readonly mapping: PrincipalMapping
}

export interface SaslPlan {
  /** In the order in which clients are told. */
  readonly mechanisms: readonly SaslMechanism[]
  /** 0: sessions do not end. */
  readonly maxReauthMs: ReadonlyMap<SaslMechanism, number>
  readonly maxReceiveBytes: number
  /** Passwords by name, of users that only the settings know. */
  readonly plainUsers: ReadonlyMap<string, string>
}

type Read = (key: string, mechanism?: string) => string | undefined

const USER_OPTION = 'user_'
const isVersion = (text: string) => text === 'TLSv1.2' || text === 'TLSv1.3'
const isMechanism = (text: string) =>
  text === 'PLAIN' || text === 'SCRAM-SHA-256' || text === 'SCRAM-SHA-512'

/** undefined where the listener does not speak TLS. @throws ConfigError */
export function planTls(settings: BrokerSettings, listener: ListenerPlan): TlsPlan | undefined {
  if (!speaksTls(listener.protocol)) return undefined
  const read = readerFor(settings, listener)
  const wrong = (why: string) => new ConfigError(`Listener ${listener.name}: ${why}`)
  const clientAuth = clientAuthOf(settings, listener)
  const keystore = pemSource(read, 'keystore', wrong)
  if (keystore === undefined) {
    throw wrong(
      `${listener.protocol} needs a certificate: set ssl.keystore.type=PEM, and ssl.keystore.location to a file with its key and its chain.`,
    )
  }
  const trusted = pemSource(read, 'truststore', wrong)
  if (clientAuth !== 'none' && trusted === undefined) {
    throw wrong(
      `ssl.client.auth=${clientAuth} needs to know whose signatures count: set ssl.truststore.type=PEM and ssl.truststore.location.`,
    )
  }
  const versions = listOf(read('ssl.enabled.protocols')).filter(isVersion)
  if (versions.length === 0) throw wrong('ssl.enabled.protocols allows no version of TLS.')
  const rules = parsePrincipalMapping(read('ssl.principal.mapping.rules') ?? 'DEFAULT')
  if (rules.kind === 'wrong') throw wrong(`ssl.principal.mapping.rules: ${rules.why}`)
  return {
    ...keystore,
    keyPassword: read('ssl.key.password'),
    trusted: trusted?.certificateChain,
    clientAuth,
    versions,
    cipherSuites: listOf(read('ssl.cipher.suites')),
    mapping: rules.rules,
  }
}

/** undefined where the listener does not speak SASL. @throws ConfigError */
export function planSasl(settings: BrokerSettings, listener: ListenerPlan): SaslPlan | undefined {
  if (!speaksSasl(listener.protocol)) return undefined
  const read = readerFor(settings, listener)
  const wrong = (why: string) => new ConfigError(`Listener ${listener.name}: ${why}`)
  const mechanisms = listOf(read('sasl.enabled.mechanisms')).filter(isMechanism)
  if (mechanisms.length === 0) throw wrong('sasl.enabled.mechanisms allows no way to log in.')
  const reauth = (mechanism: string) => Number(read('connections.max.reauth.ms', mechanism) ?? 0)
  return {
    mechanisms,
    maxReauthMs: new Map(mechanisms.map((mechanism) => [mechanism, reauth(mechanism)])),
    maxReceiveBytes: Number(read('sasl.server.max.receive.size')),
    plainUsers: plainUsersOf(read, listener, wrong),
  }
}

/** Does a listener ask whoever comes who they are, by a login or a certificate? @throws ConfigError */
export function anyListenerNames(settings: BrokerSettings): boolean {
  return planListeners(settings.config).some((listener) => {
    const asksForCertificate = clientAuthOf(settings, listener) !== 'none'
    return speaksSasl(listener.protocol) || (listener.protocol === 'SSL' && asksForCertificate)
  })
}

/** Settings that can only be meant for a listener. @throws ConfigError */
export function checkListenerKeys(
  settings: BrokerSettings,
  config: BrokerConfig,
  listeners: readonly ListenerPlan[],
): void {
  if (config.saslJaasConfig !== undefined) {
    const key = listenerKey(listeners[0]!.name, 'sasl.jaas.config', 'plain')
    throw new ConfigError(`sasl.jaas.config is of one listener and mechanism: write ${key}.`)
  }
  const names = [...listeners.map(({ name }) => name), ...(config.controllerListenerNames ?? [])]
  const prefixes = names.map((name) => listenerKey(name, ''))
  for (const key of settings.listenerKeys()) {
    if (prefixes.some((prefix) => key.startsWith(prefix))) continue
    throw new ConfigError(`${key} is for a listener that listeners does not name.`)
  }
}

function readerFor(settings: BrokerSettings, { name }: ListenerPlan): Read {
  return (key, mechanism) => {
    const text = settings.listenerText(name, key, mechanism)
    if (text === undefined) return undefined
    const known = brokerConfigKeys.get(key)!
    const result = readConfig(known, text)
    if (result.kind === 'invalid') throw new ConfigError(`Listener ${name}: ${result.message}`)
    return text.trim()
  }
}

/** Under SASL a client is who it logs in as, so a certificate is asked for only where that is said. */
function clientAuthOf(
  settings: BrokerSettings,
  { name, protocol }: ListenerPlan,
): TlsPlan['clientAuth'] {
  const own = listenerKey(name, 'ssl.client.auth')
  const text =
    protocol === 'SASL_SSL'
      ? settings.layers(own)[0]?.text
      : settings.listenerText(name, 'ssl.client.auth')
  return text === 'requested' || text === 'required' ? text : 'none'
}

function pemSource(
  read: Read,
  store: 'keystore' | 'truststore',
  wrong: (why: string) => ConfigError,
): { certificateChain: PemSource; key: PemSource } | undefined {
  const type = read(`ssl.${store}.type`)
  const path = read(`ssl.${store}.location`)
  const isKeystore = store === 'keystore'
  const textKey = isKeystore ? 'ssl.keystore.certificate.chain' : 'ssl.truststore.certificates'
  const text = read(textKey)
  const key = isKeystore ? read('ssl.keystore.key') : undefined
  if (path === undefined && text === undefined) return undefined
  if (type !== 'PEM') throw wrong(howToConvert(store, type ?? 'JKS', path ?? 'STORE'))
  if (path !== undefined && text !== undefined) {
    throw wrong(`ssl.${store}.location and ${textKey} exclude each other.`)
  }
  if (path !== undefined) {
    const file = { kind: 'file', path } as const
    return { certificateChain: file, key: file }
  }
  if (isKeystore && key === undefined) throw wrong(`${textKey} needs ssl.keystore.key beside it.`)
  return { certificateChain: asText(text ?? ''), key: asText(key ?? '') }
}

function howToConvert(store: string, type: string, path: string): string {
  const first =
    type === 'JKS'
      ? `keytool -importkeystore -srckeystore ${path} -destkeystore store.p12 -deststoretype PKCS12, then `
      : ''
  const input = type === 'JKS' ? 'store.p12' : path
  return `ssl.${store}.type is ${type}, and only PEM is read. Convert it (${first}openssl pkcs12 -in ${input} -out ${store}.pem -nodes) and set ssl.${store}.type=PEM.`
}

/** A PEM text in one line, as a .properties file may have it, is broken up again. */
function asText(text: string): PemSource {
  const lines = text.replace(
    /(-----BEGIN [A-Z0-9 ]+-----)([^-]+)(-----END [A-Z0-9 ]+-----)/g,
    (_, begin: string, body: string, end: string) => {
      return `${begin}\n${body.trim().split(/\s+/).join('\n')}\n${end}\n`
    },
  )
  return { kind: 'text', text: lines }
}

function plainUsersOf(
  read: Read,
  { name }: ListenerPlan,
  wrong: (why: string) => ConfigError,
): ReadonlyMap<string, string> {
  const users = new Map<string, string>()
  const text = read('sasl.jaas.config', 'plain')
  if (text === undefined) return users
  const entry = parseJaas(text)
  const key = listenerKey(name, 'sasl.jaas.config', 'plain')
  if (entry === undefined || entry.module !== 'PlainLoginModule') {
    throw wrong(
      `${key} must be like: org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="her password";`,
    )
  }
  for (const [option, password] of entry.options) {
    if (option.startsWith(USER_OPTION)) users.set(option.slice(USER_OPTION.length), password)
  }
  return users
}

function listOf(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
}
