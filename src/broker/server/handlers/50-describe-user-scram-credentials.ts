// Versions   0.
// Behaviour  Mechanisms and iterations of the named users, or of all; nothing that a password could be
//            guessed from. A user without credentials is 91, one that is named twice 92.
// Differs    In nothing that is known.
// from Kafka

import { scramMechanisms } from '../../catalog/credential-record.ts'
import { describeUserScramCredentials } from '../../protocol/50-describe-user-scram-credentials.ts'
import { AclOperation } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { repeated } from '../repeated.ts'
import { asks } from '../security/access-rule.ts'
import { scramMechanismCodes } from '../security/scram-mechanism-codes.ts'

const takes = asks('DESCRIBE CLUSTER')

export const handler = defineHandler(describeUserScramCredentials, takes, (request, context) => {
  const { broker, access } = context
  const { users } = request
  if (!access.mayOnCluster(AclOperation.DESCRIBE)) {
    const forbidden = { errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED, errorMessage: null }
    const unnamed = { user: '', ...forbidden, credentialInfos: [] } // as Kafka answers it
    const results = users?.map(() => unnamed) ?? []
    return { ...forbidden, results }
  }
  const { credentials } = broker.catalog
  const isAll = users === null || users.length === 0
  const names = isAll ? credentials.users() : users.map(({ name }) => name)
  const twice = repeated(names)
  const results = [...new Set(names)].map((user) => describe(user, twice.has(user), broker))
  return { errorCode: ErrorCode.NONE, errorMessage: null, results }
})

function describe(user: string, isRepeated: boolean, { catalog }: HandlerContext['broker']) {
  const failure = (errorCode: ErrorCode, errorMessage: string) => {
    return { user, errorCode, errorMessage, credentialInfos: [] }
  }
  if (isRepeated) return failure(ErrorCode.DUPLICATE_RESOURCE, 'The user is named twice.')
  const credentialInfos = scramMechanisms.flatMap((mechanism) => {
    const credential = catalog.credentials.credential(user, mechanism)
    if (credential === undefined) return []
    return { mechanism: scramMechanismCodes[mechanism], iterations: credential.iterations }
  })
  if (credentialInfos.length === 0) {
    return failure(ErrorCode.RESOURCE_NOT_FOUND, 'The user has no SCRAM credentials.')
  }
  return { user, errorCode: ErrorCode.NONE, errorMessage: null, credentialInfos }
}
