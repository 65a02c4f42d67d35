// Where a frame to be sent comes from: what Kafka's own classes write (golden), what real clients
// sent (recorded), and requests made up from the declarations of the protocol (made up). A part of
// them goes out as it is, so that what a good frame leads to is reached too; the rest is mutated.

import { DecodeError } from '../../src/broker/bytes/reader.ts'
import { writeUuid } from '../../src/broker/bytes/uuid.ts'
import type { Api } from '../../src/broker/protocol/api.ts'
import { apiTable } from '../../src/broker/protocol/api-table.ts'
import {
  decodeRequest,
  decodeRequestHeader,
  encodeRequest,
} from '../../src/broker/protocol/frames.ts'
import type { Corpus, RecordedFrame } from './corpus.ts'
import { makeUpBody } from './make-up.ts'
import { lengthPrefix, mutate, pick, type Random } from './mutate.ts'
import type { Surroundings } from './surroundings.ts'

export type Origin = 'golden' | 'recorded' | 'made up'

export interface FuzzFrame {
  readonly origin: Origin
  readonly isMutated: boolean
  /** The four bytes before the frame; now and then they lie. */
  readonly prefix: Buffer
  readonly bytes: Buffer
}

/** What of a frame our own codec understands: what the broker should understand too. */
export type Depth = 'nothing' | 'header' | 'body'

interface ServedApi {
  readonly apiKey: number
  readonly minVersion: number
  readonly maxVersion: number
}

const origins: readonly Origin[] = ['golden', 'recorded', 'made up', 'made up']
const SHARE_SENT_AS_IS = 1 / 5

export class FrameSource {
  readonly #corpus: Corpus
  readonly #served: readonly ServedApi[]
  readonly #surroundings: Surroundings

  constructor(corpus: Corpus, served: readonly ServedApi[], surroundings: Surroundings) {
    this.#corpus = corpus
    this.#served = served
    this.#surroundings = surroundings
  }

  next(random: Random): FuzzFrame {
    const origin = pick(origins, random)
    const good = this.#good(origin, random)
    const isMutated = random() >= SHARE_SENT_AS_IS
    const bytes = isMutated ? mutate(good, random, this.#good(pick(origins, random), random)) : good
    return { origin, isMutated, prefix: lengthPrefix(bytes, random), bytes }
  }

  /** Names of topics are ours after their first use; ids have to be put in. */
  #replayed({ bytes, topicIdsAt }: RecordedFrame, random: Random): Buffer {
    const frame = Buffer.from(bytes)
    for (const at of topicIdsAt) writeUuid(frame, pick(this.#surroundings.topicIds, random), at)
    return frame
  }

  #good(origin: Origin, random: Random): Buffer {
    if (origin === 'golden') return Buffer.from(pick(this.#corpus.golden, random))
    if (origin === 'recorded') return this.#replayed(pick(this.#corpus.recorded, random), random)
    const { apiKey, minVersion, maxVersion } = pick(this.#served, random)
    const api: Api = apiTable.get(apiKey)!
    const first = Math.max(minVersion, api.versions[0])
    const apiVersion = first + Math.floor(random() * (maxVersion - first + 1))
    const body = makeUpBody(api.request, apiVersion, this.#surroundings, random)
    const header = { apiVersion, correlationId: 0, clientId: 'fuzz' }
    return Buffer.concat(encodeRequest(api, header, body as never)).subarray(4)
  }
}

export function depthOf(frame: Buffer, served: readonly ServedApi[]): Depth {
  let depth: Depth = 'nothing'
  try {
    const header = decodeRequestHeader(frame)
    const range = served.find(({ apiKey }) => apiKey === header.apiKey)
    const api = apiTable.get(header.apiKey)
    if (range === undefined || !api?.request.has(header.apiVersion)) return depth
    if (header.apiVersion < range.minVersion || header.apiVersion > range.maxVersion) return depth
    depth = 'header'
    decodeRequest(api, header, frame)
    return 'body'
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    return depth
  }
}
