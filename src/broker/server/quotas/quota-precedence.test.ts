import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ClientQuota, QuotaEntity } from '../../catalog/client-quotas.ts'
import { QuotaBounds } from './quota-precedence.ts'

/** All levels, the most specific first; each has its own bound. */
const levels: readonly QuotaEntity[] = [
  { user: 'alice', 'client-id': 'loader' },
  { user: 'alice', 'client-id': null },
  { user: 'alice' },
  { user: null, 'client-id': 'loader' },
  { user: null, 'client-id': null },
  { user: null },
  { 'client-id': 'loader' },
  { 'client-id': null },
]

function boundsOf(entities: readonly QuotaEntity[]): QuotaBounds {
  const quotas: ClientQuota[] = entities.map((entity) => {
    return { entity, values: { producer_byte_rate: levels.indexOf(entity) + 1 } }
  })
  return new QuotaBounds(quotas, 'producer_byte_rate')
}

describe('the quota that counts for a client', () => {
  const client = { user: 'alice', clientId: 'loader' }

  it('is the most specific one there is', () => {
    for (let from = 0; from < levels.length; from++) {
      assert.equal(boundsOf(levels.slice(from)).find(client)?.bound, from + 1)
    }
    assert.equal(boundsOf([]).find(client), undefined)
  })

  it('of another user, another client or an address is not ours', () => {
    const others = [{ user: 'bob' }, { 'client-id': 'x' }, { user: 'bob', 'client-id': 'loader' }]
    const bounds = new QuotaBounds(
      [...others, { ip: '10.0.0.1' }].map((entity) => {
        return { entity, values: { producer_byte_rate: 1 } }
      }),
      'producer_byte_rate',
    )

    assert.equal(bounds.find(client), undefined)
  })

  it('of one key says nothing about another', () => {
    const quotas = [{ entity: { user: 'alice' }, values: { consumer_byte_rate: 1 } }]

    assert.equal(new QuotaBounds(quotas, 'producer_byte_rate').find(client), undefined)
  })

  it('is shared by the clients of a user, by the users of a client id, by nobody for a pair', () => {
    const sharedBy = (entity: QuotaEntity, user: string, clientId: string) =>
      boundsOf([levels.find((level) => level === entity)!]).find({ user, clientId })!.sharedBy
    const [pair, , user, , anyPair, anyUser, id, anyId] = levels

    assert.equal(sharedBy(user!, 'alice', 'a'), sharedBy(user!, 'alice', 'b'))
    assert.equal(sharedBy(anyUser!, 'bob', 'a'), sharedBy(anyUser!, 'bob', 'b'))
    assert.notEqual(sharedBy(anyUser!, 'bob', 'a'), sharedBy(anyUser!, 'carol', 'a'))
    assert.equal(sharedBy(id!, 'bob', 'loader'), sharedBy(id!, 'carol', 'loader'))
    assert.notEqual(sharedBy(anyId!, 'bob', 'a'), sharedBy(anyId!, 'bob', 'b'))
    assert.notEqual(sharedBy(anyPair!, 'bob', 'a'), sharedBy(anyPair!, 'carol', 'a'))
    assert.equal(sharedBy(pair!, 'alice', 'loader'), sharedBy(pair!, 'alice', 'loader'))
  })

  it('of a client id does not concern who has none', () => {
    const anonymous = { user: 'alice', clientId: '' }

    assert.equal(boundsOf([levels[1]!, levels[7]!]).find(anonymous), undefined)
    assert.equal(boundsOf(levels).find(anonymous)?.bound, 3)
  })

  it('is not taken by a name that looks like another', () => {
    const entity = { user: 'a', 'client-id': 'b' }
    const bounds = new QuotaBounds(
      [{ entity, values: { producer_byte_rate: 1 } }],
      'producer_byte_rate',
    )

    for (const [user, clientId] of [
      ['a/1:b', ''],
      ['*', '*'],
      ['', 'a/1:b'],
    ] as const) {
      assert.equal(bounds.find({ user, clientId }), undefined)
    }
  })
})
