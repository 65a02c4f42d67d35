import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { on, scriptedBroker } from '../../../test/cli/scripted-broker.ts'
import { findCoordinator } from '../../broker/protocol/10-find-coordinator.ts'
import { listGroups } from '../../broker/protocol/16-list-groups.ts'
import { apiVersions } from '../../broker/protocol/18-api-versions.ts'
import { ErrorCode } from '../../broker/wire/error-codes.ts'
import { formatAddress, parseAddress } from './address.ts'
import { ClientError } from './client-error.ts'

describe('a client of a cluster', () => {
  it('asks for versions anew in version 0 terms when the broker does not know ours', async () => {
    const asked: number[] = []
    const versionsOfOldBroker = on(apiVersions, (_, version) => {
      asked.push(version)
      const apiKeys = [
        { apiKey: 18, minVersion: 0, maxVersion: 2 },
        { apiKey: 3, minVersion: 0, maxVersion: 5 },
      ]
      return { errorCode: version > 2 ? ErrorCode.UNSUPPORTED_VERSION : 0, apiKeys }
    })
    await using broker = await scriptedBroker(versionsOfOldBroker)

    const cluster = await broker.connect()

    assert.deepEqual(asked, [4, 2])
    assert.equal((await cluster.describe()).clusterId, 'scripted')
  })

  it('names an API that the broker does not serve', async () => {
    await using broker = await scriptedBroker()
    const cluster = await broker.connect()
    const connection = await cluster.anyBroker()

    await assert.rejects(connection.request(listGroups, { statesFilter: [], typesFilter: [] }), {
      code: 'unsupported',
      message: /ListGroups/,
    })
  })

  it('gives a request up after its time, and goes on with others', async () => {
    const silent = { ...on(listGroups, () => undefined), answer: () => [] }
    await using broker = await scriptedBroker(silent)
    const connection = await (await broker.connect()).anyBroker()

    const request = connection.request(
      listGroups,
      { statesFilter: [], typesFilter: [] },
      { timeoutMs: 20 },
    )

    await assert.rejects(request, { code: 'timeout', retriable: true })
    assert(connection.isOpen)
  })

  it('connects again after the broker has closed the connection', async () => {
    let isFirst = true
    const closesOnce = on(listGroups, () => {
      if (!isFirst) return { errorCode: 0, groups: [] }
      isFirst = false
      return undefined
    })
    await using broker = await scriptedBroker(closesOnce)
    const cluster = await broker.connect()

    const answer = await cluster.retrying(async () => {
      const connection = await cluster.anyBroker()
      return connection.request(listGroups, { statesFilter: [], typesFilter: [] })
    })

    assert.deepEqual(answer.groups, [])
  })

  it('asks for the coordinator until there is one', async () => {
    let asked = 0
    let port = 0
    const loading = on(findCoordinator, ({ coordinatorKeys }) => {
      const errorCode = ++asked < 3 ? ErrorCode.COORDINATOR_NOT_AVAILABLE : 0
      const coordinator = { nodeId: 1, host: '127.0.0.1', port, errorCode, errorMessage: null }
      const old = { errorCode: 0, errorMessage: null, nodeId: -1, host: '', port: -1 }
      return { ...old, coordinators: [{ key: coordinatorKeys[0]!, ...coordinator }] }
    })
    await using broker = await scriptedBroker(loading)
    port = broker.port
    const cluster = await broker.connect()

    const connection = await cluster.retrying(() => cluster.coordinator('billing'))

    assert.equal(asked, 3)
    assert.equal(formatAddress(connection.address), `127.0.0.1:${port}`)
  })

  it('stops trying at its deadline, with the last error', async () => {
    await using broker = await scriptedBroker()
    const cluster = await broker.connect()
    let tries = 0

    const operation = cluster.retrying(
      async () => {
        tries++
        throw new ClientError('timeout', `try ${tries}`)
      },
      { timeoutMs: 120 },
    )

    await assert.rejects(operation, { message: /try \d/ })
    assert(tries > 1)
  })
})

it('an address is a host or a bracketed IPv6 address, and a port', () => {
  assert.deepEqual(parseAddress('kafka.example.com:9092'), {
    host: 'kafka.example.com',
    port: 9092,
  })
  assert.deepEqual(parseAddress('[::1]:0'), { host: '::1', port: 0 })
  assert.equal(formatAddress({ host: '::1', port: 9092 }), '[::1]:9092')
  for (const text of ['', 'host', ':9092', 'host:', 'host:65536', 'a b:1', '::1:9092', 'x:y:1']) {
    assert.equal(parseAddress(text), undefined, text)
  }
})
