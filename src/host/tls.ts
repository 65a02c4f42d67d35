// TLS on top of the sockets of the net port: the server's side for listeners, the client's side for
// commands. Settings are PEM texts and plain words; what OpenSSL says about them becomes a TlsError
// with a sentence. Only here: node:tls.
// Invariant: a handshake settles once, with a socket that speaks TLS or with the reason why not; the
// socket below is closed in the second case. Nobody renegotiates, and nothing below TLS 1.2 is spoken.

import { constants, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { isIP, type Socket } from 'node:net'
import {
  createSecureContext,
  createServer,
  getCiphers,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
  connect as tlsConnect,
} from 'node:tls'
import type { NetSocket } from './net.ts'
import { netSocketOf, plainSocketOf } from './node-net.ts'

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3'

export interface TlsIdentity {
  /** PEM: the own certificate first, then those that it was signed with. */
  readonly certificateChain: string
  /** PEM */
  readonly key: string
  readonly keyPassword: string | undefined
}

export interface TlsRules {
  /** At least one. */
  readonly versions: readonly TlsVersion[]
  /** OpenSSL's names; empty: Node's default. */
  readonly cipherSuites: readonly string[]
}

export interface TlsServerSettings extends TlsRules {
  readonly identity: TlsIdentity
  /** PEM certificates whose signature a client certificate must carry. */
  readonly trusted: string | undefined
  readonly clientAuth: 'none' | 'requested' | 'required'
}

export interface TlsClientSettings extends TlsRules {
  /** undefined: the authorities that Node knows. */
  readonly trusted: string | undefined
  readonly identity: TlsIdentity | undefined
  /** The name that the server's certificate must carry; undefined: any. */
  readonly serverName: string | undefined
  readonly timeoutMs: number
}

export interface SecuredSocket {
  readonly socket: NetSocket
  /** DER of the peer's certificate, which is trusted; undefined when it has shown none. */
  readonly peerCertificate: Buffer | undefined
}

/** The message is one sentence without secrets. */
export class TlsError extends Error {
  override readonly name = 'TlsError'
}

/** The server's side. New connections get what `replace` was given last. */
export class TlsAcceptor {
  readonly #server: Server
  /** By the peer's address and port: what Node tells of a handshake names no socket of ours. */
  readonly #handshakes = new Map<string, Handshake>()

  /** @throws TlsError */
  constructor(settings: TlsServerSettings) {
    const { clientAuth } = settings
    const context = contextOptions(settings)
    checkContext(context)
    this.#server = createServer({
      ...context,
      requestCert: clientAuth !== 'none',
      // Judged below: Node itself would close the connection without a word about why.
      rejectUnauthorized: false,
    })
    this.#server.on('secureConnection', (socket) => {
      this.#handshakes.get(peerOf(socket))?.secured(socket, clientAuth)
    })
    this.#server.on('tlsClientError', (error, socket) => {
      this.#handshakes.get(peerOf(socket))?.failed(error)
    })
  }

  /** Takes effect for connections to come. `clientAuth` stays as it was. @throws TlsError */
  replace(settings: TlsServerSettings): void {
    const context = contextOptions(settings)
    checkContext(context)
    this.#server.setSecureContext(context)
  }

  /** The socket must be untouched. @throws TlsError; the socket is closed then */
  secure(socket: NetSocket): Promise<SecuredSocket> {
    const plain = plainSocketOf(socket)
    const peer = peerOf(plain)
    return new Promise<SecuredSocket>((resolve, reject) => {
      const handshake = new Handshake(plain, resolve, reject)
      this.#handshakes.set(peer, handshake)
      plain.once('close', () => {
        if (this.#handshakes.get(peer) === handshake) this.#handshakes.delete(peer)
        handshake.failed(new Error('the peer closed the connection'))
      })
      this.#server.emit('connection', plain)
    })
  }
}

class Handshake {
  readonly #plain: Socket
  readonly #resolve: (secured: SecuredSocket) => void
  readonly #reject: (error: TlsError) => void
  #isSettled = false

  constructor(
    plain: Socket,
    resolve: (secured: SecuredSocket) => void,
    reject: (error: TlsError) => void,
  ) {
    this.#plain = plain
    this.#resolve = resolve
    this.#reject = reject
  }

  secured(socket: TLSSocket, clientAuth: TlsServerSettings['clientAuth']): void {
    if (this.#isSettled) return
    const certificate = clientAuth === 'none' ? undefined : socket.getPeerX509Certificate()
    if (certificate === undefined && clientAuth === 'required') {
      this.failed('NO_CERTIFICATE')
      return
    }
    if (certificate !== undefined && !socket.authorized) {
      this.failed(socket.authorizationError)
      return
    }
    this.#isSettled = true
    socket.pause()
    this.#resolve({ socket: netSocketOf(socket), peerCertificate: certificate?.raw })
  }

  failed(error: unknown): void {
    if (this.#isSettled) return
    this.#isSettled = true
    this.#plain.destroy()
    this.#reject(new TlsError(reasonOf(error), { cause: error }))
  }
}

/** The client's side. @throws TlsError; the socket is closed then */
export function secureAsClient(socket: NetSocket, settings: TlsClientSettings): Promise<NetSocket> {
  const context = contextOptions(settings)
  checkContext(context)
  const { serverName } = settings
  return new Promise((resolve, reject) => {
    const secured = tlsConnect({
      ...context,
      socket: plainSocketOf(socket),
      ...(serverName !== undefined && isIP(serverName) === 0 && { servername: serverName }),
      // Node compares with `host`, where there is no server name: an address, or none.
      host: serverName ?? 'localhost',
      ...(serverName === undefined && { checkServerIdentity: () => undefined }),
    })
    const fail = (error: unknown) => {
      clearTimeout(deadline)
      secured.destroy()
      socket.destroy()
      reject(new TlsError(reasonOf(error), { cause: error }))
    }
    const closed = () => fail(new Error('the server closed the connection'))
    const late = () => fail(new Error(`no answer in ${settings.timeoutMs} ms`))
    const deadline = setTimeout(late, settings.timeoutMs)
    secured.once('error', fail)
    secured.once('close', closed)
    secured.once('secureConnect', () => {
      clearTimeout(deadline)
      secured.off('error', fail)
      secured.off('close', closed)
      secured.pause()
      resolve(netSocketOf(secured))
    })
  })
}

/** Can a server speak this? @throws TlsError */
export function checkTlsSettings(settings: TlsServerSettings): void {
  checkContext(contextOptions(settings))
}

export interface CertificateFacts {
  readonly subject: string
  readonly notAfterMs: number
}

/** The first certificate of a PEM text. @throws TlsError */
export function certificateFacts(pem: string): CertificateFacts {
  try {
    const { subject, validTo } = new X509Certificate(pem)
    return { subject: subject.replaceAll('\n', ', '), notAfterMs: Date.parse(validTo) }
  } catch (error) {
    throw new TlsError('there is no certificate in PEM form', { cause: error })
  }
}

/** OpenSSL's name of a cipher suite that is given by it or by its standard name; undefined: unknown. */
export function cipherSuiteName(name: string): string | undefined {
  const candidate = openSslName(name)
  return getCiphers().includes(candidate.toLowerCase()) ? candidate : undefined
}

/** The text of a PEM file. @throws TlsError */
export async function readPemFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'latin1')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`
    throw new TlsError(`the file ${path} ${why}`, { cause: error })
  }
}

function contextOptions(
  settings: TlsRules & { identity: TlsIdentity | undefined; trusted: string | undefined },
): SecureContextOptions {
  const { identity, trusted, versions, cipherSuites } = settings
  const isAllowed = (version: TlsVersion) => versions.includes(version)
  return {
    minVersion: isAllowed('TLSv1.2') ? 'TLSv1.2' : 'TLSv1.3',
    maxVersion: isAllowed('TLSv1.3') ? 'TLSv1.3' : 'TLSv1.2',
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    ...(identity !== undefined && { cert: identity.certificateChain, key: identity.key }),
    ...(identity?.keyPassword !== undefined && { passphrase: identity.keyPassword }),
    ...(trusted !== undefined && { ca: trusted }),
    ...(cipherSuites.length > 0 && { ciphers: cipherSuites.join(':') }),
  }
}

function checkContext(options: SecureContextOptions): void {
  try {
    createSecureContext(options)
  } catch (error) {
    throw new TlsError(reasonOf(error), { cause: error })
  }
}

/** `TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384` is `ECDHE-RSA-AES256-GCM-SHA384` to OpenSSL. */
function openSslName(name: string): string {
  const [, exchange, cipher] = /^TLS_(.+)_WITH_(.+)$/.exec(name) ?? []
  if (exchange === undefined || cipher === undefined) return name // one of TLS 1.3, or OpenSSL's
  const short = cipher
    .replace(/^AES_(\d+)_CBC/, 'AES$1')
    .replace(/^AES_(\d+)/, 'AES$1')
    .replaceAll('_', '-')
  return exchange === 'RSA' ? short : `${exchange.replaceAll('_', '-')}-${short}`
}

const REASONS: Readonly<Record<string, string>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: 'the peer does not speak TLS',
  ERR_SSL_HTTP_REQUEST: 'the peer speaks HTTP, not TLS',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'the peer speaks no version of TLS that is allowed here',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'the peer allows no version of TLS that is spoken here',
  ERR_SSL_VERSION_TOO_LOW: 'the peer speaks no version of TLS that is allowed here',
  ERR_SSL_NO_SHARED_CIPHER: 'there is no cipher suite that both sides allow',
  NO_CERTIFICATE: 'a client certificate is required, and none was shown',
  CERT_HAS_EXPIRED: "the peer's certificate has expired",
  CERT_NOT_YET_VALID: "the peer's certificate is not valid yet",
  SELF_SIGNED_CERT_IN_CHAIN: "the peer's certificate is signed by nobody who is trusted",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the peer's certificate is signed by nobody who is trusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the peer's certificate is signed by nobody who is trusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the peer's certificate is signed by nobody who is trusted",
  ERR_TLS_CERT_ALTNAME_INVALID: "the server's certificate is for another name",
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: 'the key belongs to another certificate',
  ERR_OSSL_PEM_NO_START_LINE: 'there is no certificate, or no key, in PEM form',
  ERR_OSSL_BAD_DECRYPT: 'the password of the key is wrong',
  ERR_OSSL_CRYPTO_INTERRUPTED_OR_CANCELLED: 'the key is encrypted: it needs ssl.key.password',
  ERR_MISSING_PASSPHRASE: 'the key is encrypted: it needs ssl.key.password',
  ECONNRESET: 'the peer closed the connection',
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
  return REASONS[code] ?? (error instanceof Error ? error.message : code)
}

function peerOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`
}
