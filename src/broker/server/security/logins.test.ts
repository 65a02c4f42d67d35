// What a login costs says nothing about who exists.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { nodeHost } from '../../../host/node-host.ts'
import type { ScramMechanism } from '../../catalog/credential-record.ts'
import { CredentialState } from '../../catalog/credential-state.ts'
import { createJsonLog } from '../json-log.ts'
import { Logins } from './logins.ts'
import { credentialOf } from './scram-keys.ts'

const stored: [what: string, mechanism: ScramMechanism, iterations: number][] = [
  ['of SCRAM-SHA-256 alone', 'SCRAM-SHA-256', 8_192],
  ['of SCRAM-SHA-512 alone', 'SCRAM-SHA-512', 16_384],
]
for (const [what, mechanism, iterations] of stored) {
  it(`a password is hashed as often, and by the same hash, for a user who does not exist, ${what}`, async (t) => {
    const credentials = new CredentialState()
    const how = { salt: Buffer.alloc(20, 1), iterations }
    const credential = credentialOf(mechanism, Buffer.from('salted'), how)
    credentials.apply({ kind: 'credential', user: 'alice', mechanism, credential })
    const work: unknown[] = []
    const host = nodeHost({ folder: t.name })
    const logins = new Logins({
      ...{ host, listener: 'SASL_SSL', secret: Buffer.alloc(32, 2) },
      log: createJsonLog({ clock: host.clock, write: () => undefined }),
      catalog: { config: { connectionFailedAuthenticationDelayMs: 0 }, credentials },
      checks: {
        saltPassword: async (_, by, __, { salt, iterations: count }) => {
          work.push([by, count, salt.length])
          return Buffer.from('wrong')
        },
      },
      plan: {
        mechanisms: ['PLAIN'],
        maxReauthMs: new Map(),
        maxReceiveBytes: 1000,
        plainUsers: new Map(),
      },
    })

    for (const user of ['alice', 'nobody']) {
      const login = logins.begin({ remoteAddress: '127.0.0.1:1' })
      await login.choose('PLAIN', { isBare: false })
      await login.authenticate(Buffer.from(`\0${user}\0password`))
      assert.equal(login.hasFailed, true)
    }

    const expected = [mechanism, iterations, 20]
    assert.deepEqual(work, [expected, expected])
  })
}
