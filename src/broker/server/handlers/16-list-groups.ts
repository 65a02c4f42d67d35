// Versions   0-5
// Behaviour  All groups, or those in the given states (v4) and of the given types (v5), whatever their
//            case. While a part of them is being loaded: 14. Those whose partition of the offsets
//            topic failed are left out and the others listed, as Kafka does (NOT_COORDINATOR there).
// Differs    There are classic groups only.
// from Kafka

import { listGroups } from '../../protocol/16-list-groups.ts'
import { defineHandler } from '../handler.ts'

export const handler = defineHandler(listGroups, (request, { broker }) => {
  const { statesFilter: states, typesFilter: types } = request
  return { throttleTimeMs: 0, ...broker.groups.list({ states, types }) }
})
