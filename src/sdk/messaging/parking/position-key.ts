// The identity of an event in a lot, as text: `orders/3/1042`.

import type { Position } from '../../events/record.ts'
import type { TopicPartition } from '../../transport/group-member.ts'

export function positionKey({ topic, partition, offset }: Position): string {
  return `${topic}/${partition}/${offset}`
}

/** undefined when it is none. */
export function positionOf(text: string): Position | undefined {
  const parts = text.split('/')
  const source = partitionOf(parts.slice(0, 2))
  const offset = wholeNumber(parts[2])
  if (parts.length !== 3 || source === undefined || offset === undefined) return undefined
  return { ...source, offset }
}

export function partitionOf(parts: readonly string[]): TopicPartition | undefined {
  const [topic, number] = parts
  const partition = wholeNumber(number)
  if (topic === undefined || topic === '' || partition === undefined) return undefined
  return { topic, partition }
}

export function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d+$/.test(text)) return undefined
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : undefined
}
