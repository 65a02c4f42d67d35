// The certificate of one listener and its renewal: reads the PEM texts that its settings name, looks
// at them again from time to time, and gives new ones to new connections. What cannot be used leaves
// the old one in place and is said once.

import type { Timer } from '../../../host/clock.ts'
import type { Host } from '../../../host/host.ts'
import {
  certificateFacts,
  checkTlsSettings,
  cipherSuiteName,
  readPemFile,
  TlsAcceptor,
  TlsError,
  type TlsServerSettings,
} from '../../../host/tls.ts'
import type { PemSource, TlsPlan } from '../../catalog/listener-security.ts'
import { ConfigError } from '../../catalog/static-settings.ts'
import type { JsonLog } from '../json-log.ts'

export interface TlsCertificatesOptions {
  readonly host: Host
  readonly log: JsonLog
  readonly listener: string
  /** What the settings say now. @throws ConfigError */
  readonly plan: () => TlsPlan
  readonly reloadIntervalMs: number
}

const DAY_MS = 86_400_000
const WARN_BEFORE_MS = 14 * DAY_MS

export class TlsCertificates {
  readonly acceptor: TlsAcceptor
  readonly #options: TlsCertificatesOptions
  #current: TlsServerSettings
  /** What was found wrong last, so that it is said once. */
  #complaint: string | undefined
  #timer: Timer | undefined
  #isClosed = false
  #reloading: Promise<void> = Promise.resolve()

  private constructor(options: TlsCertificatesOptions, settings: TlsServerSettings) {
    this.#options = options
    this.#current = settings
    this.acceptor = new TlsAcceptor(settings)
    this.#lookAtDates()
    this.#schedule()
  }

  /** @throws ConfigError with a sentence: the broker does not start without a certificate */
  static async open(options: TlsCertificatesOptions): Promise<TlsCertificates> {
    try {
      return new TlsCertificates(options, await readSettings(options.plan()))
    } catch (error) {
      if (!(error instanceof TlsError)) throw error
      throw new ConfigError(`Listener ${options.listener}: ${error.message}.`)
    }
  }

  /** Looks at settings and files now. */
  reload(): Promise<void> {
    this.#reloading = this.#reloading.then(() => this.#reload())
    return this.#reloading
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    await this.#reloading
  }

  async #reload(): Promise<void> {
    const { log, listener, plan } = this.#options
    try {
      const settings = await readSettings(plan())
      if (isSame(settings, this.#current)) {
        this.#complaint = undefined
        return
      }
      this.acceptor.replace(settings)
      this.#current = settings
      this.#complaint = undefined
      const { subject, notAfterMs } = certificateFacts(settings.identity.certificateChain)
      const notAfter = new Date(notAfterMs).toISOString()
      log.info('certificate-renewed', { listener, subject, notAfter })
      this.#lookAtDates()
    } catch (error) {
      if (!(error instanceof TlsError) && !(error instanceof ConfigError)) throw error
      if (this.#complaint === error.message) return
      this.#complaint = error.message
      log.error('certificate-not-renewed', { listener, why: error.message })
    }
  }

  #lookAtDates(): void {
    const { log, listener, host } = this.#options
    const { subject, notAfterMs } = certificateFacts(this.#current.identity.certificateChain)
    const leftMs = notAfterMs - host.clock.nowMs()
    if (leftMs >= WARN_BEFORE_MS) return
    const notAfter = new Date(notAfterMs).toISOString()
    log.warn(leftMs < 0 ? 'certificate-expired' : 'certificate-expires-soon', {
      listener,
      subject,
      notAfter,
    })
  }

  #schedule(): void {
    const { host, reloadIntervalMs } = this.#options
    this.#timer = host.timers.after(reloadIntervalMs, () => {
      void this.reload().finally(() => {
        if (!this.#isClosed) this.#schedule()
      })
    })
  }
}

/** Could a listener use this? @throws TlsError */
export async function checkTlsPlan(plan: TlsPlan): Promise<void> {
  checkTlsSettings(await readSettings(plan))
}

async function readSettings(plan: TlsPlan): Promise<TlsServerSettings> {
  const readPem = pemReader()
  const certificateChain = await readPem(plan.certificateChain)
  certificateFacts(certificateChain)
  const cipherSuites = plan.cipherSuites.map((name) => {
    const known = cipherSuiteName(name)
    if (known !== undefined) return known
    throw new TlsError(`ssl.cipher.suites names ${name}, which does not exist here`)
  })
  return {
    identity: {
      certificateChain,
      key: await readPem(plan.key),
      keyPassword: plan.keyPassword,
    },
    trusted: plan.trusted && (await readPem(plan.trusted)),
    clientAuth: plan.clientAuth,
    versions: plan.versions,
    cipherSuites,
  }
}

/** Reads each file once: one that is replaced meanwhile gives its key and its chain of one moment. */
function pemReader(): (source: PemSource) => Promise<string> | string {
  const read = new Map<string, Promise<string>>()
  return (source) => {
    if (source.kind === 'text') return source.text
    const text = read.get(source.path) ?? readPemFile(source.path)
    read.set(source.path, text)
    return text
  }
}

function isSame(one: TlsServerSettings, other: TlsServerSettings): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
