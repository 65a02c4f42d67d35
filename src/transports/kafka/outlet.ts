// The way to one node: batches of many partitions leave in one request, because a broker answers the
// requests of a connection one after the other. What comes while enough requests are under way waits
// and leaves together: no timer, a slow broker gets fewer and larger requests.
// Invariant: batches of a lane leave in the order in which they were posted, at most one in a request.

import { Connection } from '@platformatic/kafka'
import { apis } from './apis.ts'
import type { Cluster } from './cluster.ts'
import { answered, Code, isPassing } from './errors.ts'
import type { Batch, BatchAnswer, PartitionLane } from './partition-lane.ts'

export interface Parcel {
  readonly lane: PartitionLane
  readonly batch: Batch
  readonly answer: (answer: BatchAnswer) => void
}

const MAX_REQUESTS_UNDER_WAY = 4
/** Soft: one batch leaves even when it is larger. */
const MAX_REQUEST_BYTES = 4 * 1024 * 1024

export class Outlet {
  readonly #cluster: Cluster
  readonly #nodeId: number
  readonly #purpose: string
  readonly #transactionalId: string | null
  #waiting: Parcel[] = []
  #underWay = 0
  #isFlushing = false

  constructor(
    cluster: Cluster,
    to: { nodeId: number; purpose: string; transactionalId: string | null },
  ) {
    this.#cluster = cluster
    this.#nodeId = to.nodeId
    this.#purpose = to.purpose
    this.#transactionalId = to.transactionalId
  }

  post(parcel: Parcel): void {
    this.#waiting.push(parcel)
    if (this.#isFlushing) return
    this.#isFlushing = true
    // Everything that is posted in this turn leaves together.
    queueMicrotask(() => {
      this.#isFlushing = false
      this.#flush()
    })
  }

  #flush(): void {
    while (this.#underWay < MAX_REQUESTS_UNDER_WAY && this.#waiting.length > 0) {
      this.#underWay += 1
      void this.#send(this.#load()).finally(() => {
        this.#underWay -= 1
        this.#flush()
      })
    }
  }

  #load(): readonly Parcel[] {
    const load = new Map<PartitionLane, Parcel>()
    const left: Parcel[] = []
    let bytes = 0
    for (const parcel of this.#waiting) {
      const size = parcel.batch.bytes.length
      const fits = load.size === 0 || bytes + size <= MAX_REQUEST_BYTES
      const isFirst = !load.has(parcel.lane) && left.every(({ lane }) => lane !== parcel.lane)
      if (fits && isFirst) {
        load.set(parcel.lane, parcel)
        bytes += size
      } else {
        left.push(parcel)
      }
    }
    this.#waiting = left
    return [...load.values()]
  }

  async #send(parcels: readonly Parcel[]): Promise<void> {
    const connection = await this.#cluster
      .connection({ nodeId: this.#nodeId, purpose: this.#purpose })
      .catch((cause: unknown) => ({ cause }))
    if (!(connection instanceof Connection)) {
      for (const { answer, lane } of parcels) {
        this.#cluster.forgetLeaders(lane.topic)
        answer({ kind: 'unsent', cause: connection.cause })
      }
      return
    }
    try {
      const answers = await answered(
        apis.produce.async(
          connection,
          this.#transactionalId,
          this.#cluster.options.requestTimeoutMs,
          parcels.map(({ lane: { topic, partition }, batch }) => ({
            topic,
            partition,
            batch: batch.bytes,
          })),
        ),
      )
      const byPlace = new Map(
        answers.responses.flatMap(({ name, partitionResponses }) =>
          partitionResponses.map((each) => [`${name} ${each.index}`, each] as const),
        ),
      )
      for (const { lane, answer } of parcels) {
        const one = byPlace.get(`${lane.topic} ${lane.partition}`)
        if (one === undefined) {
          answer({ kind: 'lost', cause: new Error('its answer names other partitions') })
        } else if (one.errorCode === Code.NONE) {
          answer({ kind: 'written', baseOffset: Number(one.baseOffset) })
        } else {
          const ofRecord = one.recordErrors.find((each) => each.batchIndexErrorMessage !== null)
          const detail = ofRecord?.batchIndexErrorMessage ?? one.errorMessage ?? null
          if (isPassing(one.errorCode)) this.#cluster.forgetLeaders(lane.topic)
          answer({ kind: 'refused', errorCode: one.errorCode, detail })
        }
      }
    } catch (cause) {
      for (const { answer, lane } of parcels) {
        this.#cluster.forgetLeaders(lane.topic)
        answer({ kind: 'lost', cause })
      }
    }
  }
}
