// The listeners of a broker: as many connections as there are descriptors for, and an end that lets go of
// whoever waits before it drains.

import type { BrokerConfig } from './catalog/broker-config-keys.ts'
import { checkListenerKeys } from './catalog/listener-security.ts'
import { planListeners } from './catalog/listeners.ts'
import { createDispatch } from './server/dispatch.ts'
import { handlerFor } from './server/handler-table.ts'
import type { JsonLog } from './server/json-log.ts'
import { Listeners } from './server/listeners.ts'
import { ConnectionQuotas } from './server/quotas/connection-quotas.ts'
import type { BrokerServices } from './server/services.ts'

/** For the journal, the catalogue, the lock, index files on their way, and Node itself. */
const SPARE_DESCRIPTORS = 96
const MIN_CONNECTIONS = 16

/** @throws ConfigError for listeners that cannot be, NetError when an address is taken */
export async function listen(
  services: BrokerServices,
  closing: AsyncDisposableStack,
): Promise<Listeners> {
  const { host, config, log, catalog, metrics } = services
  const plans = planListeners(config)
  checkListenerKeys(catalog.settings, config, plans)
  const listeners = await Listeners.open({
    services,
    plans,
    limits: {
      maxFrameBytes: config.socketRequestMaxBytes,
      maxInFlightBytes: config.millraceConnectionInFlightBytes,
      maxInFlightRequests: config.millraceConnectionInFlightRequests,
      maxIdleMs: config.connectionsMaxIdleMs,
    },
    connections: new ConnectionQuotas({
      ...{ clock: host.clock, timers: host.timers, config, catalog: services.catalog },
      maxConnections: connectionsWithin(config, await host.openFilesLimit(), log),
      onOpened: () => metrics.connectionOpened(),
      onRefused: (reason, remote) => {
        metrics.connectionRefused(reason)
        log.warn('connection-refused', { remote, reason })
      },
    }),
    dispatch: createDispatch(handlerFor, services),
  })
  catalog.onChange(({ kind }) => {
    if (kind === 'broker-altered') void listeners.reloadCertificates()
  })
  // Whoever waits is let go first: a drain answers what has come, and has not an hour for it.
  closing.defer(async () => {
    listeners.stopAccepting()
    services.delayedFetches.stop()
    await services.transactions.close()
    await services.groups.close()
    await listeners.drain()
  })
  return listeners
}

/** Sockets must leave descriptors for the files of partitions: a flood would take those offline. */
function connectionsWithin(config: BrokerConfig, limit: number | undefined, log: JsonLog): number {
  const { maxConnections, millraceMaxOpenFiles, socketListenBacklogSize } = config
  if (limit === undefined) return Number.POSITIVE_INFINITY
  const others = millraceMaxOpenFiles + SPARE_DESCRIPTORS + 2 * socketListenBacklogSize
  const left = Math.max(MIN_CONNECTIONS, limit - others)
  if (left >= maxConnections) return left
  log.info('connections-bounded', { 'max.connections': left, 'open files': limit })
  return left
}
