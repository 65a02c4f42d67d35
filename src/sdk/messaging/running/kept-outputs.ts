// What a handler published, as bytes that a claim keeps: JSON, with keys, values and headers in base64.

import type { OutgoingRecord } from '../../events/record.ts'
import type { Output } from './partition-run.ts'

interface KeptOutput {
  readonly topic: string
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [string, string | null])[]
  readonly timestampMs?: number
}

export function keepOutputs(outputs: readonly Output[]): Uint8Array {
  if (outputs.length === 0) return new Uint8Array()
  const kept = outputs.map(
    ({ topic, record }): KeptOutput => ({
      ...record,
      topic,
      key: toText(record.key),
      value: toText(record.value),
      headers: record.headers.map(([name, value]) => [name, toText(value)]),
    }),
  )
  return Buffer.from(JSON.stringify(kept))
}

export function keptOutputs(bytes: Uint8Array): readonly Output[] {
  if (bytes.length === 0) return []
  const kept = JSON.parse(Buffer.from(bytes).toString()) as readonly KeptOutput[]
  return kept.map(({ topic, key, value, headers, ...rest }) => {
    const record: OutgoingRecord = {
      ...rest,
      key: toBytes(key),
      value: toBytes(value),
      headers: headers.map(([name, text]) => [name, toBytes(text)]),
    }
    return { topic, record }
  })
}

function toText(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('base64')
}

function toBytes(text: string | null): Uint8Array | null {
  return text === null ? null : Buffer.from(text, 'base64')
}
