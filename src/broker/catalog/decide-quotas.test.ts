import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ErrorCode } from '../wire/error-codes.ts'
import type { QuotaEntity } from './client-quotas.ts'
import { decideQuotas, type QuotaAlteration } from './decide-quotas.ts'
import { matchesQuotaFilter, readQuotaFilter } from './quota-filter.ts'

type Parts = readonly (readonly [type: string, name: string | null])[]

function alteration(parts: Parts, ops: readonly (readonly [string, number | null])[]) {
  return {
    entity: parts.map(([entityType, entityName]) => ({ entityType, entityName })),
    ops: ops.map(([key, value]) => ({ key, value: value ?? 0, remove: value === null })),
  } satisfies QuotaAlteration
}

const ALICE: Parts = [['user', 'alice']]
const ANYWHERE: Parts = [['ip', null]]

describe('a request to alter quotas', () => {
  it('sets and removes keys, and leaves the others', () => {
    const current = { producer_byte_rate: 1, consumer_byte_rate: 2 }
    const wanted = alteration(ALICE, [
      ['producer_byte_rate', null],
      ['request_percentage', 12.5],
      ['connection_creation_rate', null],
      ['made_up', null],
    ])

    assert.deepEqual(
      decideQuotas(wanted, () => current),
      {
        kind: 'allowed',
        entity: { user: 'alice' },
        values: { consumer_byte_rate: 2, request_percentage: 12.5 },
      },
    )
  })

  it('is refused for an entity that cannot be', () => {
    const wrong: Parts[] = [
      [],
      [['group', 'g']],
      [['user', '']],
      [
        ['user', 'a'],
        ['user', 'b'],
      ],
      [
        ['ip', '10.0.0.1'],
        ['user', 'a'],
      ],
      [['ip', 'localhost']],
    ]
    for (const parts of wrong) {
      const decision = decideQuotas(alteration(parts, []), () => undefined)

      assert.equal(decision.kind === 'refused' && decision.errorCode, ErrorCode.INVALID_REQUEST)
    }
  })

  it('is refused for a value that its key cannot have', () => {
    const wrong: [Parts, string, number][] = [
      [ALICE, 'producer_byte_rate', 0],
      [ALICE, 'producer_byte_rate', -1],
      [ALICE, 'producer_byte_rate', 1.5],
      [ALICE, 'producer_byte_rate', 1e19],
      [ALICE, 'request_percentage', Number.NaN],
      [ALICE, 'request_percentage', Number.POSITIVE_INFINITY],
      [ALICE, 'connection_creation_rate', 1],
      [ALICE, 'made_up', 1],
      [ANYWHERE, 'producer_byte_rate', 1],
      [ANYWHERE, 'connection_creation_rate', 2 ** 31],
    ]
    for (const [parts, key, value] of wrong) {
      const decision = decideQuotas(alteration(parts, [[key, value]]), () => undefined)

      assert.equal(decision.kind, 'refused', `${key}=${value}`)
    }
  })

  it('names each key once', () => {
    const wanted = alteration(ANYWHERE, [
      ['connection_creation_rate', 1],
      ['connection_creation_rate', 2],
    ])

    assert.equal(decideQuotas(wanted, () => undefined).kind, 'refused')
  })
})

describe('a filter of quotas', () => {
  const [EXACT, DEFAULT, ANY] = [0, 1, 2]
  const entities: readonly QuotaEntity[] = [
    { user: 'alice' },
    { user: null },
    { user: 'alice', 'client-id': 'loader' },
    { 'client-id': null },
    { ip: '10.0.0.1' },
  ]
  const found = (components: [string, number, string | null][], strict = false) => {
    const filter = readQuotaFilter(
      components.map(([entityType, matchType, match]) => ({ entityType, matchType, match })),
      strict,
    )
    if ('kind' in filter) return filter.errorCode
    return entities.filter((entity) => matchesQuotaFilter(filter, entity))
  }

  it('finds by name, the default, any name, and everything', () => {
    const [alice, anyUser, pair, anyId, address] = entities

    assert.deepEqual(found([['user', EXACT, 'alice']]), [alice, pair])
    assert.deepEqual(found([['user', DEFAULT, null]]), [anyUser])
    assert.deepEqual(found([['user', ANY, null]]), [alice, anyUser, pair])
    assert.deepEqual(found([['client-id', ANY, null]]), [pair, anyId])
    assert.deepEqual(found([['ip', ANY, null]]), [address])
    assert.deepEqual(found([]), entities)
  })

  it('that is strict leaves out entities that name more', () => {
    assert.deepEqual(found([['user', EXACT, 'alice']], true), [entities[0]])
    assert.deepEqual(found([], true), [])
  })

  it('that cannot be is refused', () => {
    const { INVALID_REQUEST, UNSUPPORTED_VERSION } = ErrorCode
    assert.equal(found([['group', EXACT, 'g']]), UNSUPPORTED_VERSION)
    for (const wrong of [
      [['', ANY, null]],
      [['user', EXACT, null]],
      [['user', DEFAULT, 'x']],
      [['user', ANY, 'x']],
      [['user', 3, null]],
      [
        ['user', ANY, null],
        ['user', DEFAULT, null],
      ],
      [
        ['user', ANY, null],
        ['ip', ANY, null],
      ],
    ] as [string, number, string | null][][]) {
      assert.equal(found(wrong), INVALID_REQUEST, JSON.stringify(wrong))
    }
  })
})
