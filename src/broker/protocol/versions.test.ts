import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ApiKey, apiKeyName } from '../wire/api-keys.ts'
import { apiTable } from './api-table.ts'
import { advertisedVersions } from './versions.ts'

describe('the versions of the pinned Kafka', () => {
  it('are declared for every API of the table, but for the two named exceptions', () => {
    const differing: string[] = []
    for (const api of apiTable.values()) {
      const [first, last] = advertisedVersions(api.key) ?? []
      if (first !== api.versions[0] || last !== api.versions[1]) differing.push(api.name)
    }

    assert.deepEqual(differing, ['Produce', 'InitProducerId'])
    assert.deepEqual(advertisedVersions(ApiKey.PRODUCE), [0, 13])
    assert.deepEqual(advertisedVersions(ApiKey.INIT_PRODUCER_ID), [0, 5])
  })

  it('have none for APIs of the controller, removed ones and unknown ones', () => {
    assert.equal(advertisedVersions(ApiKey.VOTE), undefined)
    assert.equal(advertisedVersions(ApiKey.LEADER_AND_ISR), undefined)
    assert.equal(advertisedVersions(999), undefined)
  })
})

describe('the API table', () => {
  it('knows each API by its key and Kafka name', () => {
    for (const [key, api] of apiTable) {
      assert.equal(api.key, key)
      const constant = api.name.replaceAll(/(?<!^)[A-Z]/g, '_$&').toUpperCase()
      assert.equal(constant, apiKeyName(key))
      assert.equal(api.request.name, `${api.name}Request`)
    }
  })
})
