// The good frames that fuzzing starts from: what Kafka's own classes write for every request at every
// version, and recorded traffic of real clients (record-traffic.ts). Frames without their length.
import { readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { isUuid, writeUuid, ZERO_UUID } from '../../src/broker/bytes/uuid.ts'
import { apiTable } from '../../src/broker/protocol/api-table.ts'
import { decodeRequest, decodeRequestHeader } from '../../src/broker/protocol/frames.ts'

const fixtures = new URL('../fixtures/', import.meta.url)

const UUID_BYTES = 16

export interface RecordedFrame {
  readonly bytes: Buffer
  /** Where ids of topics stand that the recording broker gave. */
  readonly topicIdsAt: readonly number[]
}

export interface Corpus {
  readonly golden: readonly Buffer[]
  readonly recorded: readonly RecordedFrame[]
}

export function readCorpus(): Corpus {
  return {
    golden: framesOf('protocol/messages.txt.gz', /^\w+Request \d+ \w+ ([0-9a-f]+)$/),
    recorded: readdirSync(new URL('traffic/', fixtures))
      .filter((name) => name.endsWith('.txt.gz'))
      .flatMap((name) => framesOf(`traffic/${name}`, /^([0-9a-f]+)$/))
      .map((bytes) => ({ bytes, topicIdsAt: findTopicIds(bytes) })),
  }
}

function framesOf(path: string, line: RegExp): Buffer[] {
  const text = gunzipSync(readFileSync(new URL(path, fixtures))).toString()
  return text.split('\n').flatMap((entry) => {
    const hex = line.exec(entry)?.[1]
    return hex === undefined ? [] : [Buffer.from(hex, 'hex')]
  })
}

function findTopicIds(frame: Buffer): number[] {
  const header = decodeRequestHeader(frame)
  const api = apiTable.get(header.apiKey)
  if (!api?.request.has(header.apiVersion)) return []
  const ids = new Set(uuidsIn(decodeRequest(api, header, frame)))
  ids.delete(ZERO_UUID)
  return [...ids].flatMap((id) => {
    const bytes = Buffer.alloc(UUID_BYTES)
    writeUuid(bytes, id, 0)
    const positions: number[] = []
    for (let at = frame.indexOf(bytes); at >= 0; at = frame.indexOf(bytes, at + UUID_BYTES)) {
      positions.push(at)
    }
    return positions
  })
}

function uuidsIn(value: unknown): string[] {
  if (typeof value === 'string') return isUuid(value) ? [value] : []
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return []
  return Object.values(value).flatMap(uuidsIn)
}
