// The retry topic of a group: events wait there for their next attempt while others go on, at the
// price of their order. A record carries the original bytes, and in one header of ours where it came
// from, how often it has failed and when it is due.

import type { Header, IncomingRecord } from '../../events/record.ts'
import type { Output } from './partition-run.ts'
import type { Task } from './task.ts'

const RETRY_HEADER = 'millrace-retry'

interface RetryFacts {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly failures: number
  readonly firstFailedMs: number
  readonly dueMs: number
}

export interface ReturnedRecord {
  /** The record as it was first read, its first position included. */
  readonly record: IncomingRecord
  readonly failures: number
  readonly firstFailedMs: number
  /** Not before this moment of the calendar. */
  readonly dueMs: number
}

export function retryTopicOf(group: string): string {
  return `__millrace_retry.${group}`
}

export function retryOutput(group: string, task: Task, dueMs: number): Output {
  const { record, failures, firstFailedMs } = task
  const { topic, partition, offset, timestampMs } = record
  const facts: RetryFacts = {
    topic,
    partition,
    offset,
    timestampMs,
    failures,
    firstFailedMs: firstFailedMs ?? task.lastFailedMs,
    dueMs,
  }
  const header: Header = [RETRY_HEADER, Buffer.from(JSON.stringify(facts))]
  const { key, value, headers } = record
  return { topic: retryTopicOf(group), record: { key, value, headers: [...headers, header] } }
}

/** @returns undefined for a record that this runtime did not write */
export function returnedRecord(record: IncomingRecord): ReturnedRecord | undefined {
  const [name, value] = record.headers.at(-1) ?? []
  if (name !== RETRY_HEADER || value === null || value === undefined) return undefined
  const facts = parse(value)
  if (facts === undefined) return undefined
  const { failures, firstFailedMs, dueMs, ...position } = facts
  const { key, headers } = record
  return {
    record: { key, value: record.value, headers: headers.slice(0, -1), ...position },
    failures,
    firstFailedMs,
    dueMs,
  }
}

function parse(bytes: Uint8Array): RetryFacts | undefined {
  try {
    const facts = JSON.parse(new TextDecoder().decode(bytes)) as RetryFacts
    const numbers = [facts.partition, facts.offset, facts.timestampMs, facts.failures, facts.dueMs]
    const isSound =
      typeof facts.topic === 'string' &&
      [...numbers, facts.firstFailedMs].every((number) => Number.isSafeInteger(number))
    return isSound ? facts : undefined
  } catch {
    // Somebody else wrote to the topic; such a record is handled as it stands.
    return undefined
  }
}
