import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { ApiKey, apiKeyName } from './api-keys.ts'
import { ErrorCode, errorName, errorText, isRetriable } from './error-codes.ts'

interface Facts {
  readonly errors: readonly { name: string; code: number; isRetriable: boolean }[]
  readonly apiKeys: Readonly<Record<string, number>>
}

const file = new URL('../../../test/fixtures/protocol/tables.json.gz', import.meta.url)
const facts: Facts = JSON.parse(gunzipSync(readFileSync(file)).toString())

describe('the error codes', () => {
  it('are those of the pinned Kafka, retriable where its own client retries', () => {
    assert.deepEqual(
      Object.entries(ErrorCode).map(([name, code]) => ({
        name,
        code,
        isRetriable: isRetriable(code),
      })),
      facts.errors,
    )
  })

  it('have a name and a sentence each', () => {
    for (const { name, code } of facts.errors) {
      assert.equal(errorName(code), name)
      assert.match(errorText(code), /^[A-Za-z].*\.$/)
    }
    assert.equal(errorName(999), 'ERROR_999')
    assert.equal(errorText(999), 'Unknown error code 999.')
    assert.equal(isRetriable(999), false)
  })
})

describe('the API keys', () => {
  it('are those of the pinned Kafka', () => {
    assert.deepEqual({ ...ApiKey }, facts.apiKeys)
    assert.equal(apiKeyName(1), 'FETCH')
    assert.equal(apiKeyName(999), 'API 999')
  })
})
