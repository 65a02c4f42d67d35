import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BrokerSettings } from '../../catalog/broker-settings.ts'
import type { CatalogChange } from '../../catalog/catalog-log.ts'
import { type ClientQuota, quotaEntityText } from '../../catalog/client-quotas.ts'
import { resolveSettings } from '../../catalog/static-settings.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { ManualTime } from '../coordinator-test-world.ts'
import { ClientQuotas } from './client-quotas.ts'

const ALICE = { user: 'alice', clientId: 'loader' }

function quotasOf(first: readonly ClientQuota[], settings: Record<string, string> = {}) {
  const time = new ManualTime()
  const flags = Object.entries(settings).map(([key, text]) => ({ flag: key, key, text }))
  const { config } = new BrokerSettings(resolveSettings({ flags }))
  let quotas = first
  let alter: (change: CatalogChange) => void = () => undefined
  const throttled: [string, number][] = []
  const clientQuotas = new ClientQuotas({
    clock: time,
    config,
    catalog: {
      clientQuotas: () => new Map(quotas.map((quota) => [quotaEntityText(quota.entity), quota])),
      onChange: (listener) => {
        alter = listener
        return () => undefined
      },
    },
    onThrottle: (key, delayMs) => throttled.push([key, delayMs]),
  })
  const setTo = (next: readonly ClientQuota[]) => {
    quotas = next
    alter({ kind: 'client-quotas-altered' })
  }
  return { time, clientQuotas, throttled, setTo }
}

describe('client quotas', () => {
  const produceQuota = (bound: number): ClientQuota => {
    return { entity: { user: 'alice' }, values: { producer_byte_rate: bound } }
  }

  it('let no more bytes in than the quota, and one burst of all windows', () => {
    const { time, clientQuotas } = quotasOf([produceQuota(1000)])
    const [batchBytes, seconds] = [700, 300]
    let admittedBytes = 0
    const startMs = time.monotonicMs()

    while (time.monotonicMs() - startMs < seconds * 1000) {
      admittedBytes += batchBytes
      time.advance(clientQuotas.produced(ALICE, batchBytes))
      time.advance(1)
    }

    const burstBytes = 1000 * 11
    assert.ok(admittedBytes <= 1000 * seconds + burstBytes + batchBytes, `${admittedBytes}`)
    assert.ok(admittedBytes >= 1000 * seconds * 0.9, `${admittedBytes}`)
  })

  it('act when there are some, as they are altered, and not after the last is removed', () => {
    const { clientQuotas, setTo } = quotasOf([])
    assert.equal(clientQuotas.isActive, false)

    setTo([produceQuota(1000)])
    assert.equal(clientQuotas.isActive, true)
    assert.equal(clientQuotas.produced(ALICE, 10_000), 0)
    setTo([produceQuota(500)])
    assert.equal(clientQuotas.produced(ALICE, 0) > 0, true, 'what was used before counts')
    setTo([])

    assert.equal(clientQuotas.isActive, false)
    assert.equal(clientQuotas.produced(ALICE, 1_000_000), 0)
  })

  it('do not count a fetch that is sent away empty', () => {
    const entity = { user: 'alice' }
    const { clientQuotas, throttled } = quotasOf([{ entity, values: { consumer_byte_rate: 100 } }])

    assert.equal(clientQuotas.maxFetchBytes(ALICE), 1000)
    assert.equal(clientQuotas.fetched(ALICE, 900), 0)
    assert.equal(clientQuotas.fetched(ALICE, 600), 5000)
    assert.equal(clientQuotas.fetched(ALICE, 100), 0)

    assert.deepEqual(throttled, [['consumer_byte_rate', 5000]])
  })

  it('hold time of the event loop to a share of it, one window at a time', () => {
    const { clientQuotas } = quotasOf([
      { entity: { user: 'alice' }, values: { request_percentage: 10 } },
    ])

    assert.equal(clientQuotas.worked(ALICE, 1000), 0, 'a tenth of ten seconds')
    assert.equal(clientQuotas.worked(ALICE, 10_000), 1000)
  })

  it('refuse strict mutations while the bucket is overdrawn, and say how long', () => {
    const { time, clientQuotas } = quotasOf([
      { entity: { user: null }, values: { controller_mutation_rate: 1 } },
    ])
    const first = clientQuotas.mutations(ALICE, { isStrict: true })!
    assert.equal(first.admit(10), undefined)
    assert.equal(first.admit(4), undefined, 'the last one may overdraw')
    assert.equal(first.admit(1)?.errorCode, ErrorCode.THROTTLING_QUOTA_EXCEEDED)
    assert.equal(first.end(), 3000)

    time.advance(3000)
    const second = clientQuotas.mutations(ALICE, { isStrict: true })!

    assert.equal(second.admit(1), undefined)
    assert.equal(second.end(), 0, 'who was not refused does not wait')
  })

  it('let older clients mutate all they ask for, and make them wait', () => {
    const { clientQuotas } = quotasOf([
      { entity: { user: null }, values: { controller_mutation_rate: 1 } },
    ])
    const mutations = clientQuotas.mutations(ALICE, { isStrict: false })!

    assert.equal(mutations.admit(20), undefined)
    assert.equal(mutations.admit(1), undefined)

    assert.equal(mutations.end(), 10_000)
  })

  it('remember a bounded number of clients', () => {
    const entity = { 'client-id': null }
    const settings = { 'millrace.max.metered.clients': '10' }
    const { clientQuotas } = quotasOf([{ entity, values: { producer_byte_rate: 1 } }], settings)

    for (let id = 0; id < 100; id++) clientQuotas.produced({ user: 'x', clientId: `${id}` }, 1)

    assert.equal(clientQuotas.meteredCount, 10)
  })
})
