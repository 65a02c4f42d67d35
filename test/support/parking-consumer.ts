// Applications whose consumer has its parking lot in a topic, on the stage of the consumer tests, and
// the operator who asks for redrives.

import { EventEncoder } from '../../src/sdk/events/encode.ts'
import { EventIds } from '../../src/sdk/events/ids.ts'
import { ownersOf } from '../../src/sdk/events/owners.ts'
import type { Consumer } from '../../src/sdk/messaging/consumer.ts'
import type { ConsumerLimits } from '../../src/sdk/messaging/limits.ts'
import type { ConsumerNotification } from '../../src/sdk/messaging/notifications.ts'
import { Outgoing } from '../../src/sdk/messaging/outgoing.ts'
import type { LotRequest } from '../../src/sdk/messaging/parking/lot-request.ts'
import type { ParkingNotice } from '../../src/sdk/messaging/parking/open-partition.ts'
import { requestRecord } from '../../src/sdk/messaging/parking/parked-record.ts'
import { TopicParkingLot } from '../../src/sdk/messaging/parking/topic-parking-lot.ts'
import type { ParkedLimits } from '../../src/sdk/messaging/parking-lot.ts'
import { Destinations } from '../../src/sdk/messaging/publishing/destinations.ts'
import { ConsumerRun } from '../../src/sdk/messaging/running/consumer-run.ts'
import { orders, type Stage, shipments } from '../../src/sdk/testing/consumer-stage.ts'

export const GROUP = 'billing'
const PARKED = `__millrace_parked.${GROUP}`

export interface ParkingApp {
  readonly run: ConsumerRun
  readonly lot: TopicParkingLot
  readonly told: ConsumerNotification[]
  readonly notices: ParkingNotice[]
  close(): Promise<void>
}

export async function startParking(
  stage: Stage,
  definition: Consumer,
  limits: {
    parking?: ParkedLimits
    consumer?: Partial<ConsumerLimits>
    onNotice?: (notice: ParkingNotice) => void
  } = {},
): Promise<ParkingApp> {
  await stage.prepare()
  const transport = await stage.engine.open({ service: 'trial', onWarning: () => undefined })
  const encoder = new EventEncoder({
    service: 'trial',
    clock: stage.time,
    ids: new EventIds(stage.time, stage.random),
  })
  const told: ConsumerNotification[] = []
  const notices: ParkingNotice[] = []
  const lot = new TopicParkingLot({
    transport,
    group: GROUP,
    topics: definition.from.map(({ name }) => name),
    limits: limits.parking ?? {},
    onNotice: (notice) => {
      notices.push(notice)
      limits.onNotice?.(notice)
    },
    onWarning: () => undefined,
  })
  const run = new ConsumerRun({
    consumer: definition,
    service: 'trial',
    transport,
    outgoing: new Outgoing(encoder, ownersOf([orders, shipments])),
    destinations: new Destinations(transport.administration),
    lot,
    limits: limits.consumer ?? {},
    notify: (notification) => told.push(notification),
  })
  await run.start()
  await stage.time.settle()
  const close = async () => {
    let isClosed = false
    void run.close({}).then(async () => {
      await lot.close()
      isClosed = true
    })
    await stage.time.until(() => isClosed)
  }
  return { run, lot, told, notices, close }
}

/** As the command does it. */
export async function askOwner(
  stage: Stage,
  request: LotRequest,
  { id = 'r1', topic = orders.name, partition = 0, partitions = 1 } = {},
): Promise<void> {
  const transport = await stage.prepare()
  const records = [requestRecord({ topic, partition }, id, request)]
  await (await transport.producer()).send({
    topic: PARKED,
    partition: partition % partitions,
    records,
  })
}

export const EVERYTHING: LotRequest = {
  kind: 'redrive',
  selection: { kind: 'all' },
  perSecond: 100,
}
