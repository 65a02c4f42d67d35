// Versions   0-3.
// Behaviour  Raises the number of partitions of a topic; the new ones are durable and in Metadata when
//            the answer leaves. Above `controller_mutation_rate` a topic is 89 from v3 on. Assignments,
//            when given, must name node 1 for each new partition. Takes ALTER on the topic (29).
// Differs    The timeout is not looked at: there is nobody to wait for.

import { refuse } from '../../catalog/refusal.ts'
import { createPartitions } from '../../protocol/37-create-partitions.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'
import { endMutations, mutationsOf } from '../quotas/request-mutations.ts'
import { repeated } from '../repeated.ts'
import { asks } from '../security/access-rule.ts'

const FIRST_VERSION_WITH_STRICT_QUOTA = 3

const FORBIDDEN = refuse(
  ErrorCode.TOPIC_AUTHORIZATION_FAILED,
  'More partitions for this topic take ALTER on it.',
)

const takes = asks('ALTER TOPIC')

export const handler = defineHandler(createPartitions, takes, async (request, context) => {
  const isStrict = context.apiVersion >= FIRST_VERSION_WITH_STRICT_QUOTA
  const mutations = mutationsOf(context, { isStrict })
  const results = []
  const twice = repeated(request.topics.map(({ name }) => name))
  for (const { name, count, assignments } of request.topics) {
    const outcome = twice.has(name)
      ? refuse(ErrorCode.INVALID_REQUEST, `Topic '${name}' is named twice.`)
      : !context.access.may(AclOperation.ALTER, AclResource.TOPIC, name)
        ? FORBIDDEN
        : await context.broker.catalog.createPartitions(
            { name, count, assignments: assignments?.map(({ brokerIds }) => brokerIds) ?? null },
            { validateOnly: request.validateOnly, admit: mutations?.admit },
          )
    results.push({
      name,
      errorCode: outcome.kind === 'refused' ? outcome.errorCode : ErrorCode.NONE,
      errorMessage: outcome.kind === 'refused' ? outcome.message : null,
    })
  }
  endMutations(context, mutations)
  return { results }
})
