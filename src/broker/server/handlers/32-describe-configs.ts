// Versions   1-4.
// Behaviour  Every key of the resource, or those asked for, each with its value, its source, what else
//            it could come from, its type and a sentence. Values of passwords are never shown.
//            A broker is 1, or empty for what was altered for every broker. What may not be seen is 29, 30
//            or, of brokers and client metrics, 31.
// Differs    Loggers are not configurable here. A resource that is named twice is described once and
//            then refused with 42, lest a small request had an answer without bounds. Synonyms also
//            list the keys in other units (`log.retention.hours` behind `retention.ms`), which Kafka
//            leaves out.

import type { ConfigResource } from '../../catalog/config-resource.ts'
import { NODE_ID } from '../../catalog/decide-topic.ts'
import { type Refusal, refuse } from '../../catalog/refusal.ts'
import { explainIllegalTopicName } from '../../catalog/topic-name.ts'
import { type DescribeConfigsRequest, describeConfigs } from '../../protocol/32-describe-configs.ts'
import { AclOperation } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { explainForbidden, resourceOf } from '../config-resources.ts'
import { describeConfigsOf } from '../described-configs.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

type Wanted = DescribeConfigsRequest['resources'][number]

const NAMED_TWICE = refuse(ErrorCode.INVALID_REQUEST, 'The resource is named twice.')
/** So many resources are described before others get their turn. */
const RESOURCES_PER_TURN = 100

const takes = asks('DESCRIBE_CONFIGS TOPIC', 'DESCRIBE_CONFIGS CLUSTER', 'DESCRIBE_CONFIGS GROUP')

export const handler = defineHandler(describeConfigs, takes, async (request, context) => {
  const results = []
  const seen = new Set<string>()
  for (const wanted of request.resources) {
    const name = `${wanted.resourceType} ${wanted.resourceName}`
    results.push(seen.has(name) ? refused(wanted, NAMED_TWICE) : answer(wanted, request, context))
    seen.add(name)
    if (results.length % RESOURCES_PER_TURN === 0) await context.broker.host.timers.yield()
  }
  return { results }
})

function answer(wanted: Wanted, request: DescribeConfigsRequest, context: HandlerContext) {
  const { resourceType, resourceName } = wanted
  const forbidden = explainForbidden(AclOperation.DESCRIBE_CONFIGS, wanted, context.access)
  if (forbidden !== undefined) return refused(wanted, forbidden)
  const named = resourceOf(wanted)
  if (named.kind === 'refused') return refused(wanted, named)
  const { resource } = named
  const wrong = explainWrongResource(resource, context)
  if (wrong !== undefined) return refused(wanted, wrong)
  const { catalog } = context.broker
  return {
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    resourceType,
    resourceName,
    configs: describeConfigsOf(resource, {
      settings: catalog.settings,
      own: catalog.configsOf(resource),
      keys: wanted.configurationKeys,
      withSynonyms: request.includeSynonyms,
      withDocumentation: request.includeDocumentation,
    }),
  }
}

function explainWrongResource(
  { type, name }: ConfigResource,
  { broker }: HandlerContext,
): Refusal | undefined {
  if (type === 'topic') {
    const illegal = explainIllegalTopicName(name)
    if (illegal !== undefined) return refuse(ErrorCode.INVALID_TOPIC_EXCEPTION, illegal)
    if (broker.catalog.topic(name) !== undefined) return undefined
    return refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `There is no topic '${name}'.`)
  }
  if (type === 'broker') {
    if (name === '' || name === String(NODE_ID)) return undefined
    return refuse(ErrorCode.INVALID_REQUEST, `There is no broker '${name}'.`)
  }
  return name === '' ? refuse(ErrorCode.INVALID_REQUEST, `A ${type} needs a name.`) : undefined
}

function refused({ resourceType, resourceName }: Wanted, { errorCode, message }: Refusal) {
  return { errorCode, errorMessage: message, resourceType, resourceName, configs: [] }
}
