// How a client reaches a broker that protects itself, read from a file as Kafka's own tools take it
// with --command-config: security.protocol, sasl.*, ssl.*. Keys that mean nothing to us are left
// alone, as such a file often serves other programs too. Stores are PEM only.

import { parseJaas } from '../../broker/catalog/jaas.ts'
import { parseProperties } from '../../broker/catalog/properties-file.ts'
import { cipherSuiteName, type TlsIdentity, type TlsRules } from '../../host/tls.ts'

export type SaslClientMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'

export interface SaslClientSettings {
  readonly mechanism: SaslClientMechanism
  readonly user: string
  readonly password: string
}

export interface ClientTlsSettings extends TlsRules {
  readonly trusted: string | undefined
  readonly identity: TlsIdentity | undefined
  /** Whether the certificate must carry the name that was connected to. */
  readonly checksName: boolean
}

export interface ClientSecurity {
  readonly tls: ClientTlsSettings | undefined
  readonly sasl: SaslClientSettings | undefined
}

export interface ClientConfig {
  readonly security: ClientSecurity
  readonly bootstrapServers: string | undefined
}

/** What is wrong with such a file, in one sentence without its secrets. */
export class ClientConfigError extends Error {
  override readonly name = 'ClientConfigError'
}

const mechanisms: readonly string[] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']
const MODULE_OF_MECHANISM = { PLAIN: 'PlainLoginModule' } as const
const SCRAM_MODULE = 'ScramLoginModule'

/**
 * @param readFile the text of a file that the settings name
 * @throws ClientConfigError, or what `readFile` throws
 */
export async function parseClientConfig(
  text: string,
  readFile: (path: string) => Promise<string>,
): Promise<ClientConfig> {
  const values = new Map(parseProperties(text).map(({ key, value }) => [key, value.trim()]))
  const protocol = (values.get('security.protocol') ?? 'PLAINTEXT').toUpperCase()
  if (!['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'].includes(protocol)) {
    throw new ClientConfigError(`security.protocol cannot be ${protocol}.`)
  }
  const tls = protocol.endsWith('SSL') ? await readTls(values, readFile) : undefined
  const sasl = protocol.startsWith('SASL') ? readSasl(values) : undefined
  return { security: { tls, sasl }, bootstrapServers: values.get('bootstrap.servers') }
}

type Values = ReadonlyMap<string, string>

function readSasl(values: Values): SaslClientSettings {
  const mechanism = values.get('sasl.mechanism') ?? 'GSSAPI'
  if (!isMechanism(mechanism)) {
    throw new ClientConfigError(
      `sasl.mechanism cannot be ${mechanism}: set it to one of ${mechanisms.join(', ')}.`,
    )
  }
  const module = mechanism === 'PLAIN' ? MODULE_OF_MECHANISM.PLAIN : SCRAM_MODULE
  const entry = parseJaas(values.get('sasl.jaas.config') ?? '')
  const user = entry?.options.get('username')
  const password = entry?.options.get('password')
  if (entry?.module !== module || user === undefined || password === undefined) {
    throw new ClientConfigError(
      `sasl.jaas.config must be like: org.apache.kafka.common.security.${mechanism === 'PLAIN' ? 'plain' : 'scram'}.${module} required username="alice" password="her password";`,
    )
  }
  return { mechanism, user, password }
}

async function readTls(
  values: Values,
  readFile: (path: string) => Promise<string>,
): Promise<ClientTlsSettings> {
  const pem = async (textKey: string, store: string) => {
    const text = values.get(textKey)
    if (text !== undefined) return text
    const path = values.get(`ssl.${store}.location`)
    if (path === undefined) return undefined
    if (values.get(`ssl.${store}.type`) !== 'PEM') {
      throw new ClientConfigError(
        `ssl.${store}.location is read as PEM only: convert it (openssl pkcs12 -in STORE -out ${store}.pem -nodes) and set ssl.${store}.type=PEM.`,
      )
    }
    return readFile(path)
  }
  const chain = await pem('ssl.keystore.certificate.chain', 'keystore')
  const key = values.get('ssl.keystore.key') ?? chain
  const keyPassword = values.get('ssl.key.password')
  const suites = (values.get('ssl.cipher.suites') ?? '').split(',').filter((name) => name !== '')
  return {
    trusted: await pem('ssl.truststore.certificates', 'truststore'),
    identity:
      chain === undefined || key === undefined
        ? undefined
        : { certificateChain: chain, key, keyPassword },
    checksName: values.get('ssl.endpoint.identification.algorithm') !== '',
    versions: ['TLSv1.2', 'TLSv1.3'],
    cipherSuites: suites.map((name) => cipherSuiteName(name.trim()) ?? name.trim()),
  }
}

function isMechanism(text: string): text is SaslClientMechanism {
  return mechanisms.includes(text)
}
