// Versions   0-4
// Behaviour  A life sign of a member; the answer tells it to rejoin (27) or to start anew (22, 25, 82).
//            While its group is being loaded it is taken to be alive.
// Differs    Sessions that ran out while the broker itself stood still (stopped, or starved for more
// from Kafka than a second) begin again, instead of costing every member its place.

import { heartbeat } from '../../protocol/12-heartbeat.ts'
import { defineHandler } from '../handler.ts'

export const handler = defineHandler(heartbeat, (request, { broker }) => ({
  throttleTimeMs: 0,
  errorCode: broker.groups.heartbeat(request),
}))
