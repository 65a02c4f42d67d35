import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ErrorCode } from '../wire/error-codes.ts'
import { decodeRecord, encodeRecord } from './catalog-record.ts'
import type { ScramCredential } from './credential-record.ts'
import { CredentialState } from './credential-state.ts'
import { type CredentialChange, decideCredentials } from './decide-credentials.ts'

const credential: ScramCredential = {
  salt: Buffer.from('salt'),
  iterations: 4096,
  storedKey: Buffer.alloc(32, 1),
  serverKey: Buffer.alloc(32, 2),
}

function set(user: string, rest: Partial<ScramCredential> = {}): CredentialChange {
  const mechanism = 'SCRAM-SHA-256'
  return { kind: 'set', user, mechanism, credential: { ...credential, ...rest } }
}

function remove(user: string): CredentialChange {
  return { kind: 'remove', user, mechanism: 'SCRAM-SHA-256' }
}

function codes(changes: readonly CredentialChange[], known = new CredentialState(), max = 10) {
  return decideCredentials(changes, known, max).map(({ user, outcome }) => {
    return [user, outcome.kind === 'refused' ? outcome.errorCode : ErrorCode.NONE]
  })
}

describe('credentials of users', () => {
  it('are decided user by user, in the order of the request', () => {
    const known = new CredentialState()
    known.apply({ kind: 'credential', user: 'old', mechanism: 'SCRAM-SHA-256', credential })

    assert.deepEqual(codes([remove('old'), set('new'), remove('nobody')], known), [
      ['old', ErrorCode.NONE],
      ['new', ErrorCode.NONE],
      ['nobody', ErrorCode.RESOURCE_NOT_FOUND],
    ])
  })

  it('are refused as Kafka refuses them', () => {
    assert.deepEqual(codes([set('')]), [['', ErrorCode.UNACCEPTABLE_CREDENTIAL]])
    for (const iterations of [4095, 16_385, -1]) {
      const [[, code] = []] = codes([set('a', { iterations })])
      assert.equal(code, ErrorCode.UNACCEPTABLE_CREDENTIAL)
    }
    const twice = codes([set('a'), set('b'), set('a')])
    assert.deepEqual(twice, [
      ['a', ErrorCode.DUPLICATE_RESOURCE],
      ['b', ErrorCode.NONE],
    ])
    const unknown = { ...set('a'), mechanism: undefined }
    assert.deepEqual(codes([unknown]), [['a', ErrorCode.UNSUPPORTED_SASL_MECHANISM]])
    assert.deepEqual(codes([set('a', { salt: Buffer.alloc(0) })]), [
      ['a', ErrorCode.UNACCEPTABLE_CREDENTIAL],
    ])
  })

  it('have a bound, which does not keep a user from another password', () => {
    const known = new CredentialState()
    known.apply({ kind: 'credential', user: 'a', mechanism: 'SCRAM-SHA-256', credential })

    assert.deepEqual(codes([set('a'), set('b'), set('c')], known, 2), [
      ['a', ErrorCode.NONE],
      ['b', ErrorCode.NONE],
      ['c', ErrorCode.UNACCEPTABLE_CREDENTIAL],
    ])
  })

  it('are records that can be read again, whatever the name', () => {
    const user = 'a/b, c=ü'
    const mechanism = 'SCRAM-SHA-512'
    for (const value of [credential, null]) {
      const record = { kind: 'credential', user, mechanism, credential: value } as const

      const { key, value: bytes } = encodeRecord(record)

      assert.deepEqual(decodeRecord(key, bytes), record)
    }
    assert.throws(() => decodeRecord(Buffer.from('user/MD5/x'), Buffer.from('{}')), /cannot read/)
  })
})
