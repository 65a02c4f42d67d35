// All listeners of a broker: what they share (bounds on connections, memory, logins that are under
// way), and what each has for itself (address, protocol, certificate, users).

import type { NetSocket } from '../../host/net.ts'
import { TlsError } from '../../host/tls.ts'
import { planSasl, planTls, type TlsPlan } from '../catalog/listener-security.ts'
import type { ListenerPlan } from '../catalog/listeners.ts'
import { mapPrincipal } from '../catalog/principal-mapping.ts'
import { speaksSasl } from '../catalog/security-protocol.ts'
import type { ConnectionLimits } from './connection.ts'
import type { Dispatch } from './dispatch.ts'
import { inFlightBytes } from './in-flight-bytes.ts'
import { Listener, type ListenerEntry, type SecuredClient } from './listener.ts'
import type { ListenerAddress } from './listener-address.ts'
import type { ListenerFacts } from './metrics/metric-readings.ts'
import type { ConnectionQuotas } from './quotas/connection-quotas.ts'
import { RequestMemory } from './request-memory.ts'
import { subjectName } from './security/distinguished-name.ts'
import { Logins } from './security/logins.ts'
import { PasswordChecks } from './security/password-checks.ts'
import { PendingLogins } from './security/pending-logins.ts'
import type { Principal } from './security/principal.ts'
import { TlsCertificates } from './security/tls-certificates.ts'
import type { BrokerServices } from './services.ts'

export interface ListenersOptions {
  readonly services: BrokerServices
  readonly plans: readonly ListenerPlan[]
  readonly limits: ConnectionLimits
  readonly connections: ConnectionQuotas
  readonly dispatch: Dispatch
}

interface Shared {
  readonly memory: RequestMemory
  readonly loginMemory: RequestMemory
  readonly pending: PendingLogins
  readonly checks: PasswordChecks
  readonly nextId: () => number
}

export class Listeners {
  readonly #options: ListenersOptions
  readonly #shared: Shared
  readonly #listeners: Listener[] = []
  readonly #certificates: TlsCertificates[] = []

  private constructor(options: ListenersOptions) {
    const { config, host, metrics } = options.services
    this.#options = options
    let lastId = 0
    this.#shared = {
      memory: new RequestMemory(inFlightBytes(config).requests, () =>
        metrics.memoryWaited('requests'),
      ),
      loginMemory: new RequestMemory(config.millraceQueuedMaxLoginBytes),
      pending: new PendingLogins({
        timers: host.timers,
        timeoutMs: config.millraceLoginTimeoutMs,
        maxCount: config.millraceMaxPendingLogins,
      }),
      checks: new PasswordChecks(config.millraceMaxPendingLogins),
      nextId: () => {
        lastId += 1
        return lastId
      },
    }
  }

  /** @throws ConfigError for certificates that cannot be used, NetError for addresses */
  static async open(options: ListenersOptions): Promise<Listeners> {
    const listeners = new Listeners(options)
    try {
      // All certificates first: no port is open when a second one is missing.
      const entries: (ListenerEntry | undefined)[] = []
      for (const plan of options.plans) entries.push(await listeners.#entryOf(plan))
      for (const [index, plan] of options.plans.entries()) {
        await listeners.#open(plan, entries[index])
      }
      return listeners
    } catch (error) {
      listeners.closeNow()
      await listeners.drain()
      throw error
    }
  }

  /** In the order of `listeners`. */
  get addresses(): ListenerAddress[] {
    return this.#listeners.map(({ name, protocol, advertised }) => {
      return { ...advertised, name, protocol }
    })
  }

  /** For metrics. */
  get facts(): ListenerFacts {
    return { connections: this.#options.connections, requests: this.#shared.memory }
  }

  get connectionCount(): number {
    return this.#options.connections.openCount
  }

  get pendingLoginCount(): number {
    return this.#shared.pending.count
  }

  /** Looks at settings and files of certificates now. */
  async reloadCertificates(): Promise<void> {
    for (const certificates of this.#certificates) await certificates.reload()
  }

  stopAccepting(): void {
    for (const listener of this.#listeners) listener.stopAccepting()
  }

  async drain(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.drain()))
    for (const certificates of this.#certificates) await certificates.close()
  }

  closeNow(): void {
    for (const listener of this.#listeners) listener.closeNow()
  }

  async #open(plan: ListenerPlan, entry: ListenerEntry | undefined): Promise<void> {
    const { services, limits, connections, dispatch } = this.#options
    const { host, responses, buffers, log } = services
    const { memory, nextId } = this.#shared
    const { name, protocol, bind, advertise } = plan
    const address = { name, protocol, bind, advertise }
    const rooms = { host, memory, responses, buffers, dispatch, log }
    const listener = await Listener.open({
      ...address,
      ...rooms,
      limits,
      connections,
      nextId,
      entry,
    })
    this.#listeners.push(listener)
  }

  async #entryOf(plan: ListenerPlan): Promise<ListenerEntry | undefined> {
    if (plan.protocol === 'PLAINTEXT') return undefined
    const { pending, loginMemory } = this.#shared
    const tls = await this.#tlsOf(plan)
    return { tls, logins: await this.#loginsOf(plan), pending, memory: loginMemory }
  }

  async #tlsOf(plan: ListenerPlan): Promise<ListenerEntry['tls']> {
    const { settings } = this.#options.services.catalog
    const first = planTls(settings, plan)
    if (first === undefined) return undefined
    const { host, log, config } = this.#options.services
    const certificates = await TlsCertificates.open({
      host,
      log,
      listener: plan.name,
      plan: () => planTls(settings, plan) ?? first,
      reloadIntervalMs: config.millraceTlsReloadIntervalMs,
    })
    this.#certificates.push(certificates)
    const isNamed = !speaksSasl(plan.protocol)
    return { secure: (socket) => secure(certificates, socket, { plan: first, isNamed }) }
  }

  async #loginsOf(listener: ListenerPlan): Promise<Logins | undefined> {
    const { host, catalog, log } = this.#options.services
    const plan = planSasl(catalog.settings, listener)
    if (plan === undefined) return undefined
    const secret = await catalog.loginSecret()
    const { checks } = this.#shared
    return new Logins({ host, catalog, log, checks, secret, listener: listener.name, plan })
  }
}

/** @param isNamed a client is who its certificate says */
async function secure(
  { acceptor }: TlsCertificates,
  socket: NetSocket,
  { plan, isNamed }: { plan: TlsPlan; isNamed: boolean },
): Promise<SecuredClient> {
  const secured = await acceptor.secure(socket)
  const { peerCertificate } = secured
  const hasName = isNamed && peerCertificate !== undefined
  if (!hasName) return { socket: secured.socket, principal: undefined }
  const principal = principalOf(peerCertificate, plan)
  if (principal !== undefined) return { socket: secured.socket, principal }
  secured.socket.destroy()
  throw new TlsError('ssl.principal.mapping.rules has no rule for the name in its certificate')
}

function principalOf(certificate: Buffer, { mapping }: TlsPlan): Principal | undefined {
  const name = mapPrincipal(mapping, subjectName(certificate))
  return name === undefined || name === '' ? undefined : { type: 'User', name }
}
