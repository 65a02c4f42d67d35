// Makes the logins of one listener: knows its mechanisms and users, and what is the same for all of
// them. Credentials of users who do not exist are made from a secret of the folder, so that they are
// the same every time.

import { createHmac } from 'node:crypto'
import type { Host } from '../../../host/host.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import type { ScramCredential, ScramMechanism } from '../../catalog/credential-record.ts'
import { MIN_ITERATIONS } from '../../catalog/decide-credentials.ts'
import type { SaslMechanism, SaslPlan } from '../../catalog/listener-security.ts'
import type { JsonLog } from '../json-log.ts'
import { Login } from './login.ts'
import type { PasswordChecks } from './password-checks.ts'
import { PlainExchange, type StoredCredential } from './plain-exchange.ts'
import type { SaslExchange } from './sasl-exchange.ts'
import { ScramExchange } from './scram-exchange.ts'
import { digestOf } from './scram-keys.ts'

export interface LoginsOptions {
  readonly host: Host
  readonly catalog: Pick<Catalog, 'credentials'> & {
    readonly config: Pick<Catalog['config'], 'connectionFailedAuthenticationDelayMs'>
  }
  readonly log: JsonLog
  readonly checks: Pick<PasswordChecks, 'saltPassword'>
  /** `catalog.loginSecret()` */
  readonly secret: Buffer
  readonly listener: string
  readonly plan: SaslPlan
}

/** The peer of a connection that may log in. */
interface Peer {
  readonly remoteAddress: string
}

const NONCE_BYTES = 24
const SALT_BYTES = 20

export class Logins {
  readonly #options: LoginsOptions

  constructor(options: LoginsOptions) {
    this.#options = options
  }

  begin({ remoteAddress }: Peer): Login {
    const { host, log, listener, plan, catalog } = this.#options
    return new Login({
      mechanisms: plan.mechanisms,
      maxReauthMs: plan.maxReauthMs,
      maxReceiveBytes: plan.maxReceiveBytes,
      exchangeFor: (mechanism) => this.#exchange(mechanism, addressOf(remoteAddress)),
      delayFailure: () => {
        const delayMs = catalog.config.connectionFailedAuthenticationDelayMs
        return new Promise((resolve) => void host.timers.after(delayMs, resolve))
      },
      nowMs: () => host.clock.monotonicMs(),
      onFailure: ({ mechanism, user, why }) => {
        log.warn('login-failed', { listener, mechanism, user, why, remote: remoteAddress })
      },
    })
  }

  #exchange(mechanism: SaslMechanism, address: string): SaslExchange {
    const { host, plan, checks, secret } = this.#options
    if (mechanism === 'PLAIN') {
      return new PlainExchange({
        users: plan.plainUsers,
        credentialFor: (user) => this.#anyCredential(user),
        saltPassword: (hash, password, how) => checks.saltPassword(address, hash, password, how),
        secret,
      })
    }
    return new ScramExchange({
      mechanism,
      credentialFor: (user) => this.#credential(user, mechanism),
      serverNonce: host.random.bytes(NONCE_BYTES).toString('base64url'),
    })
  }

  /** One stored by another mechanism is as good for PLAIN; the strongest counts. */
  #anyCredential(user: string): StoredCredential {
    const { credentials } = this.#options.catalog
    const known = credentials.strongest(user)
    if (known !== undefined) return { ...known, isKnown: true }
    // By the mechanism of one that exists: they take different times.
    const model = credentials.sampleStrongest(this.#secretOf('mechanism', user).readUInt32BE(0))
    const { mechanism } = model ?? { mechanism: 'SCRAM-SHA-512' as const }
    const credential = this.#madeUp(user, mechanism, model?.credential)
    return { mechanism, credential, isKnown: false }
  }

  #credential(
    user: string,
    mechanism: ScramMechanism,
  ): { credential: ScramCredential; isKnown: boolean } {
    const known = this.#options.catalog.credentials.credential(user, mechanism)
    if (known !== undefined) return { credential: known, isKnown: true }
    const choice = this.#secretOf('choice', `${mechanism} ${user}`).readUInt32BE(0)
    const model = this.#options.catalog.credentials.sample(mechanism, choice)
    return { credential: this.#madeUp(user, mechanism, model), isKnown: false }
  }

  /** Looks like one that exists, in the length of its salt and its iterations too. */
  #madeUp(
    user: string,
    mechanism: ScramMechanism,
    model: ScramCredential | undefined,
  ): ScramCredential {
    const bytes = (what: string) => this.#secretOf(what, `${mechanism} ${user}`)
    const { bytes: keyBytes } = digestOf[mechanism]
    const saltBytes = Math.min(model?.salt.length ?? SALT_BYTES, bytes('salt').length)
    return {
      salt: bytes('salt').subarray(0, saltBytes),
      iterations: model?.iterations ?? MIN_ITERATIONS,
      storedKey: bytes('stored key').subarray(0, keyBytes),
      serverKey: bytes('server key').subarray(0, keyBytes),
    }
  }

  /** The same every time, and known to nobody else. */
  #secretOf(what: string, of: string): Buffer {
    return createHmac('sha512', this.#options.secret).update(`${what} ${of}`).digest()
  }
}

function addressOf(remoteAddress: string): string {
  return remoteAddress.replace(/:\d+$/, '')
}
