// Records that rules write.

import type { OutgoingRecord } from '../../events/record.ts'
import type { Producer } from '../../transport/producer.ts'

export function record(text: string, timestampMs?: number): OutgoingRecord {
  const plain = { key: Buffer.from('key'), value: Buffer.from(text), headers: [] }
  return timestampMs === undefined ? plain : { ...plain, timestampMs }
}

/** Each in a send of its own, one after another. */
export async function sendEach(
  producer: Producer,
  place: { topic: string; partition: number },
  texts: readonly string[],
): Promise<void> {
  for (const text of texts) await producer.send({ ...place, records: [record(text)] })
}

export function numbered(count: number, prefix = ''): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`)
}
