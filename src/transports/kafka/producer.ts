// The idempotent producer. Each partition has a producer id of its own, so that one that has to begin
// anew after a failure leaves the others alone.

import type { Producer } from '../../sdk/transport/producer.ts'
import { apis } from './apis.ts'
import type { Cluster } from './cluster.ts'
import { Code, refusal } from './errors.ts'
import type { ProducerIdentity } from './partition-lane.ts'
import type { Compression } from './record-batch.ts'
import { Sender } from './sender.ts'

const NO_TIMEOUT_MS = 0

export function idempotentProducer(
  cluster: Cluster,
  options: { compression: Compression; deliveryTimeoutMs: number },
): Producer {
  const sender = new Sender(cluster, {
    ...options,
    transactionalId: null,
    purpose: `produce ${cluster.world.random.uuid()}`,
    identify: () => identify(cluster),
    prepare: () => Promise.resolve(),
  })
  const close = () => sender.close()
  return { send: (request) => sender.send(request), close, [Symbol.asyncDispose]: close }
}

async function identify(cluster: Cluster): Promise<ProducerIdentity> {
  const { errorCode, producerId, producerEpoch } = await cluster.ask(
    apis.initProducerId,
    null,
    NO_TIMEOUT_MS,
  )
  if (errorCode !== Code.NONE) throw refusal('Asking for a producer id', errorCode)
  return { producerId, producerEpoch }
}
