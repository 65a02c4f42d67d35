// Versions   0-5
// Behaviour  All groups, or those in the given states (v4) and of the given types (v5), whatever their
//            case. While a part of them is being loaded: 14. Those whose partition of the offsets
//            topic failed are left out and the others listed, as Kafka does (NOT_COORDINATOR there). Whoever
//            may not describe the cluster sees the groups that it may describe.
// Differs    In nothing that is known.
// from Kafka

import { CLUSTER_NAME } from '../../catalog/acl.ts'
import { listGroups } from '../../protocol/16-list-groups.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { defineHandler } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

const takes = asks('DESCRIBE CLUSTER', 'DESCRIBE GROUP')

export const handler = defineHandler(listGroups, takes, (request, { access, broker }) => {
  const { statesFilter: states, typesFilter: types } = request
  const { groups, ...rest } = broker.groups.list({ states, types })
  const { DESCRIBE } = AclOperation
  const seesAll = access.mayQuietly(DESCRIBE, AclResource.CLUSTER, CLUSTER_NAME)
  const visible = seesAll
    ? groups
    : groups.filter(({ groupId }) => access.mayQuietly(DESCRIBE, AclResource.GROUP, groupId))
  return { throttleTimeMs: 0, ...rest, groups: visible }
})
