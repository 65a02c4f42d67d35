import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { NetSocket } from '../../../host/net.ts'
import { BrokerSettings } from '../../catalog/broker-settings.ts'
import type { CatalogChange } from '../../catalog/catalog-log.ts'
import { type ClientQuota, quotaEntityText } from '../../catalog/client-quotas.ts'
import { parseConnectionOverrides } from '../../catalog/connection-overrides.ts'
import { resolveSettings } from '../../catalog/static-settings.ts'
import { ManualTime } from '../coordinator-test-world.ts'
import { ConnectionQuotas, type OpenConnection } from './connection-quotas.ts'

class TestConnection implements OpenConnection {
  lastActiveMs = 0
  reason: string | undefined
  isOpen = true
  #listener: () => void = () => undefined

  onClose(listener: () => void) {
    this.#listener = listener
  }
  close(reason?: string) {
    this.reason = reason
    this.isOpen = false
    this.#listener()
  }
}

function world(settings: Record<string, string>, quotas: readonly ClientQuota[] = []) {
  const time = new ManualTime()
  const flags = Object.entries(settings).map(([key, text]) => ({ flag: key, key, text }))
  const brokerSettings = new BrokerSettings(resolveSettings({ flags }))
  const refused: string[] = []
  let tell: (change: CatalogChange) => void = () => undefined
  const connections = new ConnectionQuotas({
    clock: time,
    timers: time,
    config: brokerSettings.config,
    catalog: {
      clientQuotas: () => new Map(quotas.map((quota) => [quotaEntityText(quota.entity), quota])),
      onChange: (listener) => {
        tell = listener
        return () => undefined
      },
    },
    maxConnections: Number.POSITIVE_INFINITY,
    onOpened: () => undefined,
    onRefused: (reason) => refused.push(reason),
  })
  const opened: TestConnection[] = []
  const come = (address = '10.0.0.1') => {
    const socket = {
      remoteAddress: `${address}:50000`,
      isDestroyed: false,
      destroy: () => {
        socket.isDestroyed = true
      },
    }
    connections.admit(socket as unknown as NetSocket, () => {
      const connection = new TestConnection()
      opened.push(connection)
      return connection
    })
    return socket
  }
  const alter = (forEveryBroker: Record<string, string>) => {
    brokerSettings.setAltered({ forEveryBroker })
    tell({ kind: 'broker-altered' })
  }
  return { time, connections, refused, opened, come, alter }
}

const rateOf = (ip: string | null, rate: number): ClientQuota => {
  return { entity: { ip }, values: { connection_creation_rate: rate } }
}

describe('max.connections', () => {
  it('lets a bounded number wait, closes more, and opens them in turn', () => {
    const { connections, refused, opened, come } = world({
      'max.connections': '2',
      'socket.listen.backlog.size': '2',
    })
    const sockets = Array.from({ length: 6 }, () => come())

    assert.equal(opened.length, 2)
    assert.deepEqual(refused, ['max.connections', 'max.connections'])
    assert.deepEqual(
      sockets.map(({ isDestroyed }) => isDestroyed),
      [false, false, false, false, true, true],
    )
    opened[0]!.close()
    assert.equal(opened.length, 3)
    opened[1]!.close()

    assert.equal(opened.length, 4)
    assert.equal(connections.openCount, 2)
    assert.equal(connections.waitingCount, 0)
  })

  it('that is raised opens who waits, and that is lowered closes who was silent for longest', () => {
    const { opened, come, alter } = world({ 'max.connections': '1' })
    for (let count = 0; count < 3; count++) come()

    alter({ 'max.connections': '3' })
    assert.equal(opened.length, 3)
    for (const [index, connection] of opened.entries()) connection.lastActiveMs = 10 - index
    alter({ 'max.connections': '1' })

    assert.deepEqual(
      opened.map(({ isOpen }) => isOpen),
      [true, false, false],
    )
  })
})

describe('max.connections.per.ip', () => {
  it('closes what is beyond, with overrides, and follows what is altered', () => {
    const { refused, opened, come, alter } = world({
      'max.connections.per.ip': '1',
      'max.connections.per.ip.overrides': '10.0.0.2:2, ::1:3',
    })
    const from = (address: string, count: number) => {
      const before = opened.length
      for (let index = 0; index < count; index++) come(address)
      return opened.length - before
    }

    assert.equal(from('10.0.0.1', 3), 1)
    assert.equal(
      from('::ffff:10.0.0.2', 3),
      2,
      'the same address as a socket of version 6 shows it',
    )
    assert.equal(from('::1', 4), 3)
    assert.equal(refused.length, 4)
    alter({ 'max.connections.per.ip': '2', 'max.connections.per.ip.overrides': '' })

    assert.equal(from('10.0.0.1', 3), 1)
    assert.equal(from('10.0.0.2', 1), 0)
  })

  it('takes no override that is not one', () => {
    for (const text of ['10.0.0.1', 'localhost:5', '10.0.0.1:x', ':5', '10.0.0.1:5,']) {
      assert.equal(parseConnectionOverrides(text), undefined, text)
      assert.throws(() => world({ 'max.connections.per.ip.overrides': text }))
    }
  })
})

describe('the rate of new connections', () => {
  const WINDOWS = { 'quota.window.num': '2', 'quota.window.size.seconds': '1' }

  it('of the broker lets them wait until it is down, in the order they came', () => {
    const { time, connections, opened, come } = world({
      ...WINDOWS,
      'max.connection.creation.rate': '10',
    })
    for (let count = 0; count < 40; count++) come()
    assert.equal(opened.length, 10)

    const seen: number[] = []
    while (opened.length < 40) {
      const before = opened.length
      time.advance(100)
      seen.push(opened.length - before)
      assert.ok(seen.length < 1000)
    }

    assert.ok(seen.length >= 25, `30 more at 10 a second, within ${seen.length} tenths of one`)
    assert.equal(connections.waitingCount, 0)
    assert.equal(time.timerCount, 0)
  })

  it('of an address closes what is beyond, after the delay, and nobody else waits', () => {
    const { time, refused, opened, come } = world(WINDOWS, [rateOf('10.0.0.1', 2), rateOf(null, 5)])
    const sockets = Array.from({ length: 4 }, () => come('10.0.0.1'))

    assert.equal(opened.length, 2)
    assert.deepEqual(refused, ['connection_creation_rate', 'connection_creation_rate'])
    assert.equal(sockets[3]!.isDestroyed, false)
    for (let count = 0; count < 7; count++) come('10.0.0.9')
    assert.equal(opened.length, 7, 'five, by the default')
    time.advance(1000)

    assert.equal(sockets[3]!.isDestroyed, true)
    time.advance(2000)
    come('10.0.0.1')
    assert.equal(opened.length, 8)
  })
})

describe('a broker that stops', () => {
  it('closes what waits, and opens nothing more', () => {
    const { time, connections, opened, come } = world({ 'max.connections': '1' })
    const [, waiting] = [come(), come()]

    connections.stop()
    const late = come()
    opened[0]!.close()
    time.advance(10_000)

    assert.equal(waiting.isDestroyed, true)
    assert.equal(late.isDestroyed, true)
    assert.equal(opened.length, 1)
  })
})
