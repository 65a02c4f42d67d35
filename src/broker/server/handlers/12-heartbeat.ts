// Versions   0-4
// Behaviour  A life sign of a member; the answer tells it to rejoin (27) or to start anew (22, 25, 82).
//            While its group is being loaded it is taken to be alive.
// Differs    In nothing that is known.
// from Kafka

import { heartbeat } from '../../protocol/12-heartbeat.ts'
import { defineHandler } from '../handler.ts'

export const handler = defineHandler(heartbeat, (request, { broker }) => ({
  throttleTimeMs: 0,
  errorCode: broker.groups.heartbeat(request),
}))
