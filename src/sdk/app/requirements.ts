// What the definitions of an application need of an engine, held against what the engine can do. Pure.
// What an engine lacks is said in a sentence before anything is opened; a lack that an application can
// live with is accepted by name, so that it stands where the engine is chosen.

import type { AnyTopic } from '../events/topic.ts'
import type { Consumer } from '../messaging/consumer.ts'
import type { Capabilities, Capability } from '../transport/capabilities.ts'
import { CapabilityMissingError } from '../transport/errors.ts'

/** What an application can say that it does without. */
export type Acceptable =
  | 'no-replay'
  | 'no-order'
  | 'no-atomic-output'
  | 'no-idempotent-producer'
  | 'no-compaction'

/** @internal */
export interface Need {
  readonly capability: Capability
  /** `consumer billing starts at the earliest event` */
  readonly because: string
}

interface Lack {
  /** What the engine cannot do, as the end of a sentence. */
  readonly cannot: string
  /** Undefined: nothing works without it. */
  readonly accept: Acceptable | undefined
}

const LACKS: Readonly<Record<Capability, Lack>> = {
  replay: {
    cannot: 'a new group reads nothing that was written before it existed',
    accept: 'no-replay',
  },
  'partition-order': {
    cannot: 'records do not keep their order',
    accept: 'no-order',
  },
  atomicOutput: {
    cannot:
      'what handlers publish is sent before their progress is kept, and again when the process dies in between',
    accept: 'no-atomic-output',
  },
  idempotentProducer: {
    cannot: 'what is sent again after a lost answer is written twice',
    accept: 'no-idempotent-producer',
  },
  compaction: {
    cannot: 'old records of a key are kept beside the newest',
    accept: 'no-compaction',
  },
  expectedVersion: {
    cannot: 'nothing can be appended with an expected version',
    accept: undefined,
  },
  positions: {
    cannot: 'there are no positions that could be waited for',
    accept: undefined,
  },
}

/** @internal */
export function needsOf(definitions: {
  readonly topics: readonly AnyTopic[]
  readonly consumers: readonly Consumer[]
}): readonly Need[] {
  return [
    ...definitions.topics.flatMap(needsOfTopic),
    ...definitions.consumers.flatMap(needsOfConsumer),
  ]
}

/** @internal @throws CapabilityMissingError with a sentence for each need that is neither met nor accepted */
export function checkCapabilities(
  engine: { readonly name: string; readonly capabilities: Capabilities },
  needs: readonly Need[],
  accept: readonly Acceptable[],
): void {
  const unmet = needs.filter(({ capability }) => {
    const accepted = LACKS[capability].accept
    const isAccepted = accepted !== undefined && accept.includes(accepted)
    return !isAccepted && !has(engine.capabilities, capability)
  })
  if (unmet.length === 0) return
  throw new CapabilityMissingError(unmet.map((need) => sentence(engine.name, need)).join('\n'))
}

/**
 * Delayed events wait in a compacted topic, which their deliverer reads from the beginning, in order.
 * @internal @returns undefined where the engine has all of it
 */
export function whyNoDelay({
  name,
  capabilities,
}: {
  readonly name: string
  readonly capabilities: Capabilities
}): string | undefined {
  const needed: readonly Capability[] = ['replay', 'compaction', 'partition-order']
  const missing = needed.find((capability) => !has(capabilities, capability))
  if (missing === undefined) return undefined
  return `Events cannot be delayed on ${name}: ${LACKS[missing].cannot}.`
}

function sentence(engine: string, { capability, because }: Need): string {
  const { cannot, accept } = LACKS[capability]
  const way =
    accept === undefined ? 'choose another engine' : `if that will do, accept: ['${accept}']`
  return `${because}, but on ${engine} ${cannot}: ${way}.`
}

function has(capabilities: Capabilities, capability: Capability): boolean {
  if (capability === 'partition-order') return capabilities.order === 'partition'
  return capabilities[capability]
}

function needsOfTopic(topic: AnyTopic): readonly Need[] {
  if (topic.kind === 'foreign-topic') return []
  const needs: Need[] = [
    {
      capability: 'idempotentProducer',
      because: `Events are published to topic ${topic.name}`,
    },
  ]
  if (topic.store) {
    needs.push({
      capability: 'expectedVersion',
      because: `Topic ${topic.name} is an event store`,
    })
  }
  if (topic.config['cleanup.policy']?.includes('compact') === true) {
    needs.push({ capability: 'compaction', because: `Topic ${topic.name} is compacted` })
  }
  return needs
}

function needsOfConsumer({ group, startAt, order }: Consumer): readonly Need[] {
  const needs: Need[] = [
    {
      capability: 'atomicOutput',
      because: `Consumer ${group} sends what its handlers publish together with its progress`,
    },
  ]
  if (startAt !== 'latest') {
    const where = startAt === 'earliest' ? 'the earliest event' : startAt.toISOString()
    needs.push({ capability: 'replay', because: `Consumer ${group} starts at ${where}` })
  }
  if (order !== 'none') {
    const what = order === 'key' ? 'the events of a key' : 'the events of a partition'
    needs.push({
      capability: 'partition-order',
      because: `Consumer ${group} handles ${what} in order`,
    })
  }
  return needs
}
