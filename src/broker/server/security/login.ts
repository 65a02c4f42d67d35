// The login of one connection: which requests it may make now, which mechanism it has chosen, who it
// turned out to be, and until when that holds. Before it is through, nothing but ApiVersions,
// SaslHandshake and SaslAuthenticate is answered.
// Source: KIP-43, KIP-152 (SaslAuthenticate; handshakes of version 0 are followed by bare tokens),
// KIP-368 (logging in again on a live connection).
//
//   nobody -> chosen -> (authenticating) -> somebody -> chosen again -> ... -> somebody
//                     \ failed            /          (the same one)

import type { SaslMechanism } from '../../catalog/listener-security.ts'
import { ApiKey } from '../../wire/api-keys.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { ANONYMOUS, type Principal } from './principal.ts'
import type { SaslExchange, SaslStep } from './sasl-exchange.ts'

/** Sooner again, a client that logs in again is told that it may not. */
const MIN_REAUTH_MS = 1_000

export interface LoginRules {
  readonly mechanisms: readonly SaslMechanism[]
  /** 0: sessions do not end. */
  readonly maxReauthMs: ReadonlyMap<SaslMechanism, number>
  /** Bytes of a frame before anybody has logged in. */
  readonly maxReceiveBytes: number
  readonly exchangeFor: (mechanism: SaslMechanism) => SaslExchange
  /** Waits before a failure is told. */
  readonly delayFailure: () => Promise<void>
  readonly nowMs: () => number
  readonly onFailure: (failure: { mechanism?: string; user?: string; why: string }) => void
}

interface Session {
  readonly principal: Principal
  readonly mechanism: SaslMechanism
  /** undefined: it does not end. */
  readonly endsAtMs: number | undefined
}

interface Choice {
  readonly mechanism: SaslMechanism
  readonly exchange: SaslExchange
  /** Tokens come without a request around them. */
  readonly isBare: boolean
}

export interface HandshakeAnswer {
  readonly errorCode: ErrorCode
  readonly mechanisms: readonly SaslMechanism[]
}

export interface AuthenticateAnswer {
  readonly errorCode: ErrorCode
  readonly errorMessage: string | null
  readonly token: Buffer
  readonly sessionLifetimeMs: number
}

const NO_TOKEN = Buffer.alloc(0)
const BEFORE: readonly number[] = [
  ApiKey.API_VERSIONS,
  ApiKey.SASL_HANDSHAKE,
  ApiKey.SASL_AUTHENTICATE,
]

export class Login {
  readonly #rules: LoginRules
  readonly #doneListeners: (() => void)[] = []
  #session: Session | undefined
  #choice: Choice | undefined
  #reauthStartedAtMs: number | undefined
  #hasFailed = false

  constructor(rules: LoginRules) {
    this.#rules = rules
  }

  get principal(): Principal {
    return this.#session?.principal ?? ANONYMOUS
  }

  /** Nobody has logged in yet. */
  get isPending(): boolean {
    return this.#session === undefined
  }

  /** The answer that is given now is the last one. */
  get hasFailed(): boolean {
    return this.#hasFailed
  }

  /** The next frame is a token alone. */
  get expectsBareToken(): boolean {
    return this.#choice?.isBare === true
  }

  get maxReceiveBytes(): number {
    return this.#rules.maxReceiveBytes
  }

  /** Called once, when somebody has logged in for the first time. */
  onDone(listener: () => void): void {
    this.#doneListeners.push(listener)
  }

  /** Why a request of this API is not answered now; undefined: it is. */
  explainRefusal(apiKey: number): string | undefined {
    if (this.#hasFailed) return 'the login has failed'
    if (this.#session === undefined) {
      return BEFORE.includes(apiKey) ? undefined : 'a request before login'
    }
    const { endsAtMs } = this.#session
    const hasEnded = endsAtMs !== undefined && this.#rules.nowMs() >= endsAtMs
    const isLogin = apiKey === ApiKey.SASL_HANDSHAKE || apiKey === ApiKey.SASL_AUTHENTICATE
    return hasEnded && !isLogin ? 'the session has ended: it has to log in again' : undefined
  }

  async choose(mechanism: string, { isBare }: { isBare: boolean }): Promise<HandshakeAnswer> {
    const { mechanisms } = this.#rules
    if (this.#session !== undefined && !this.#mayLogInAgain(this.#session)) {
      return { errorCode: ErrorCode.ILLEGAL_SASL_STATE, mechanisms: [] }
    }
    if (this.#choice !== undefined) {
      this.#fail({ mechanism, why: 'a second SaslHandshake in one login' })
      return { errorCode: ErrorCode.ILLEGAL_SASL_STATE, mechanisms: [] }
    }
    const known = mechanisms.find((one) => one === mechanism)
    if (known === undefined) {
      this.#fail({ mechanism, why: 'the mechanism is not allowed' })
      await this.#rules.delayFailure()
      return { errorCode: ErrorCode.UNSUPPORTED_SASL_MECHANISM, mechanisms }
    }
    this.#choice = { mechanism: known, exchange: this.#rules.exchangeFor(known), isBare }
    return { errorCode: ErrorCode.NONE, mechanisms }
  }

  async authenticate(token: Buffer): Promise<AuthenticateAnswer> {
    const choice = this.#choice
    if (choice === undefined) {
      const why = 'SaslAuthenticate without SaslHandshake before it'
      // After a login Kafka says so and goes on; before one it has nothing to say.
      if (this.#session === undefined) this.#fail({ why })
      return refused(ErrorCode.ILLEGAL_SASL_STATE, `${why}.`)
    }
    const step = this.#checkSame(choice, await choice.exchange.step(token))
    switch (step.kind) {
      case 'continue':
        return accepted(step.token, 0)
      case 'done':
        return accepted(step.token, this.#become(step.user, choice.mechanism))
      case 'failed': {
        const { mechanism } = choice
        const { user, why } = step
        this.#fail({ mechanism, why, ...(user !== undefined && { user }) })
        await this.#rules.delayFailure()
        const message = `Authentication failed: invalid credentials for SASL mechanism ${mechanism}.`
        return refused(ErrorCode.SASL_AUTHENTICATION_FAILED, message)
      }
    }
  }

  #fail(failure: Parameters<LoginRules['onFailure']>[0]): void {
    this.#hasFailed = true
    this.#rules.onFailure(failure)
  }

  #mayLogInAgain({ endsAtMs }: Session): boolean {
    if (endsAtMs === undefined) return false
    const nowMs = this.#rules.nowMs()
    const startedAtMs = this.#reauthStartedAtMs
    if (startedAtMs !== undefined && nowMs - startedAtMs < MIN_REAUTH_MS) return false
    this.#reauthStartedAtMs = nowMs
    return true
  }

  /** Whoever logs in again is who he was, by the same mechanism. */
  #checkSame({ mechanism }: Choice, step: SaslStep): SaslStep {
    if (this.#session === undefined || step.kind !== 'done') return step
    const { user } = step
    if (mechanism !== this.#session.mechanism) {
      return { kind: 'failed', user, why: 'another mechanism than before' }
    }
    if (user === this.#session.principal.name) return step
    return { kind: 'failed', user, why: 'another user than before' }
  }

  /** @returns how long the session lasts */
  #become(user: string, mechanism: SaslMechanism): number {
    const isFirst = this.#session === undefined
    const lifetimeMs = this.#rules.maxReauthMs.get(mechanism) ?? 0
    const endsAtMs = lifetimeMs > 0 ? this.#rules.nowMs() + lifetimeMs : undefined
    this.#session = { principal: { type: 'User', name: user }, mechanism, endsAtMs }
    this.#choice = undefined
    if (isFirst) for (const listener of this.#doneListeners) listener()
    return lifetimeMs
  }
}

function accepted(token: Buffer, sessionLifetimeMs: number): AuthenticateAnswer {
  return { errorCode: ErrorCode.NONE, errorMessage: null, token, sessionLifetimeMs }
}

function refused(errorCode: ErrorCode, errorMessage: string): AuthenticateAnswer {
  return { errorCode, errorMessage, token: NO_TOKEN, sessionLifetimeMs: 0 }
}
