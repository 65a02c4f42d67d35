// The mutations of one request under `controller_mutation_rate`, between a handler and the catalogue.

import type { HandlerContext } from '../handler.ts'
import type { Mutations } from './client-quotas.ts'
import { quotaClientOf } from './request-accounting.ts'

export function mutationsOf(
  context: HandlerContext,
  how: { isStrict: boolean },
): Mutations | undefined {
  const { quotas } = context.broker
  return quotas.isActive ? quotas.mutations(quotaClientOf(context), how) : undefined
}

/** All of them are done: the client is told how long to wait. */
export function endMutations(context: HandlerContext, mutations: Mutations | undefined): void {
  if (mutations !== undefined) context.throttleMs = Math.max(context.throttleMs, mutations.end())
}
