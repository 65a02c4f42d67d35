// Versions   0.
// Behaviour  Sets and removes credentials, durably. The changes to one user are made together or not
//            at all: 91 to remove what is not there, 92 for the same credential twice, 93 for an empty
//            name or iterations below 4096 or above 16384, 33 for an unknown mechanism.
// Differs    A user may be given credentials for two mechanisms in one request, where Kafka says 92. A
// from Kafka salt has 1 to 1024 bytes and a name at most 1024, else 93.

import type { CredentialChange } from '../../catalog/decide-credentials.ts'
import { alterUserScramCredentials } from '../../protocol/51-alter-user-scram-credentials.ts'
import { AclOperation } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'
import { asks } from '../security/access-rule.ts'
import { credentialOf } from '../security/scram-keys.ts'
import { mechanismOfCode } from '../security/scram-mechanism-codes.ts'

const takes = asks('ALTER CLUSTER')

export const handler = defineHandler(alterUserScramCredentials, takes, async (request, context) => {
  const { broker, access } = context
  if (!access.mayOnCluster(AclOperation.ALTER)) {
    const users = new Set([...request.deletions, ...request.upsertions].map(({ name }) => name))
    const forbidden = { errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED, errorMessage: null }
    return { results: [...users].map((user) => ({ user, ...forbidden })) }
  }
  const changes: CredentialChange[] = []
  for (const { name, mechanism } of request.deletions) {
    changes.push({ kind: 'remove', user: name, mechanism: mechanismOfCode(mechanism) })
  }
  for (const { name, mechanism: code, salt, iterations, saltedPassword } of request.upsertions) {
    const mechanism = mechanismOfCode(code)
    // Copies: a frame's memory is used again, what is stored is not.
    const how = { salt: Buffer.from(salt), iterations }
    const credential = credentialOf(mechanism ?? 'SCRAM-SHA-256', saltedPassword, how)
    changes.push({ kind: 'set', user: name, mechanism, credential })
  }
  const outcomes = await broker.catalog.alterCredentials(changes)
  return {
    results: outcomes.map(({ user, outcome }) => ({
      user,
      errorCode: outcome.kind === 'refused' ? outcome.errorCode : ErrorCode.NONE,
      errorMessage: outcome.kind === 'refused' ? outcome.message : null,
    })),
  }
})
