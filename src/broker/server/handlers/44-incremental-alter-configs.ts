// Versions   0-1.
// Behaviour  SET, DELETE, APPEND and SUBTRACT on single keys; the rest stays. Lists begin with the
//            value in effect. Each resource is altered as a whole or not at all; with `validate_only`
//            only checked. A key or a resource named twice: 42.
//            What may not be altered is 29, 30 or, of brokers and client metrics, 31.
// Differs    Loggers cannot be configured here. An unknown key of the broker is refused, Kafka keeps
//            it; a wrong value of one is 40 as for topics, where Kafka says 42. Keys that do not act
//            on one node cannot be altered at run time, because they change nothing.

import {
  alterConfigs,
  type ConfigOperation,
  type ResourceType,
} from '../../catalog/decide-configs.ts'
import { refuse } from '../../catalog/refusal.ts'
import {
  type IncrementalAlterConfigsRequest,
  incrementalAlterConfigs,
} from '../../protocol/44-incremental-alter-configs.ts'
import { AclOperation } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { explainForbidden, resourceKey, resourceOf } from '../config-resources.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { repeated } from '../repeated.ts'
import { asks } from '../security/access-rule.ts'
import { checkCertificates } from '../security/check-certificates.ts'

type Wanted = IncrementalAlterConfigsRequest['resources'][number]

const operationByCode: readonly ConfigOperation['operation'][] = [
  'set',
  'delete',
  'append',
  'subtract',
]

const takes = asks('ALTER_CONFIGS TOPIC', 'ALTER_CONFIGS CLUSTER', 'ALTER_CONFIGS GROUP')

export const handler = defineHandler(incrementalAlterConfigs, takes, async (request, context) => {
  const twice = repeated(request.resources.map(resourceKey))
  const responses = []
  for (const wanted of request.resources) {
    const outcome = twice.has(resourceKey(wanted))
      ? refuse(ErrorCode.INVALID_REQUEST, `'${wanted.resourceName}' is named twice.`)
      : await alter(wanted, request.validateOnly, context)
    responses.push({
      errorCode: outcome.kind === 'refused' ? outcome.errorCode : ErrorCode.NONE,
      errorMessage: outcome.kind === 'refused' ? outcome.message : null,
      resourceType: wanted.resourceType,
      resourceName: wanted.resourceName,
    })
  }
  return { responses }
})

async function alter(wanted: Wanted, validateOnly: boolean, { access, broker }: HandlerContext) {
  const forbidden = explainForbidden(AclOperation.ALTER_CONFIGS, wanted, access)
  if (forbidden !== undefined) return forbidden
  const named = resourceOf(wanted)
  if (named.kind === 'refused') return named
  const operations: ConfigOperation[] = []
  for (const { name, value, configOperation } of wanted.configs) {
    const operation = operationByCode[configOperation]
    if (operation === undefined) {
      return refuse(ErrorCode.INVALID_REQUEST, `There is no operation ${configOperation}.`)
    }
    operations.push({ name, value, operation })
  }
  const { resource } = named
  const { settings } = broker.catalog
  return broker.catalog.alterConfigs(
    resource,
    (current) => {
      const decision = alterConfigs(resource.type, current, operations, (key) =>
        settings.effectiveText(key, {}, sourceOf(resource.type)),
      )
      return checkCertificates(resource, decision, broker.catalog)
    },
    { validateOnly },
  )
}

function sourceOf(type: ResourceType) {
  return type === 'broker' ? 'dynamic-broker' : type
}
