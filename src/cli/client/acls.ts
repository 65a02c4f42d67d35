// Makes, lists and removes access rules. Source: KIP-140, KIP-290.

import type { Acl, AclFilter } from '../../broker/catalog/acl.ts'
import { describeAcls } from '../../broker/protocol/29-describe-acls.ts'
import { createAcls } from '../../broker/protocol/30-create-acls.ts'
import { deleteAcls } from '../../broker/protocol/31-delete-acls.ts'
import { assertAccepted } from './client-error.ts'
import type { Cluster } from './cluster.ts'

const WHAT = 'Access rules'

/** @throws ClientError (refused) for the first that is refused; the others are made all the same */
export async function makeAcls(cluster: Cluster, acls: readonly Acl[]): Promise<void> {
  await cluster.retrying(async () => {
    const controller = await cluster.controller()
    const { results } = await controller.request(createAcls, {
      creations: acls.map(({ patternType, ...acl }) => ({
        ...acl,
        resourcePatternType: patternType,
      })),
    })
    for (const { errorCode, errorMessage } of results) assertAccepted(errorCode, WHAT, errorMessage)
  })
}

export async function findAcls(cluster: Cluster, filter: AclFilter): Promise<Acl[]> {
  return await cluster.retrying(async () => {
    const broker = await cluster.anyBroker()
    const answer = await broker.request(describeAcls, wireFilter(filter))
    assertAccepted(answer.errorCode, WHAT, answer.errorMessage)
    return answer.resources.flatMap(({ acls, ...resource }) =>
      acls.map((acl) => ({ ...resource, ...acl })),
    )
  })
}

/** @returns what was removed */
export async function removeAcls(cluster: Cluster, filter: AclFilter): Promise<Acl[]> {
  return await cluster.retrying(async () => {
    const controller = await cluster.controller()
    const { filterResults } = await controller.request(deleteAcls, {
      filters: [wireFilter(filter)],
    })
    const removed: Acl[] = []
    for (const { errorCode, errorMessage, matchingAcls } of filterResults) {
      assertAccepted(errorCode, WHAT, errorMessage)
      for (const { errorCode: code, errorMessage: message, ...acl } of matchingAcls) {
        assertAccepted(code, WHAT, message)
        removed.push(acl)
      }
    }
    return removed
  })
}

function wireFilter(filter: AclFilter) {
  return {
    resourceTypeFilter: filter.resourceType,
    resourceNameFilter: filter.resourceName,
    patternTypeFilter: filter.patternType,
    principalFilter: filter.principal,
    hostFilter: filter.host,
    operation: filter.operation,
    permissionType: filter.permissionType,
  }
}
