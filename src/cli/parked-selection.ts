// Which parked events a command is about: exactly one of a key, an event, a kind of failure, a time,
// or all of them.

import type { Command } from 'commander'
import type { Selection } from '../sdk/messaging/parking/lot-request.ts'
import { positionOf } from '../sdk/messaging/parking/position-key.ts'
import { usageError } from './exit-code.ts'
import { parseTime } from './position.ts'

export interface SelectionOptions {
  key?: string
  event?: string
  failure?: string
  since?: string
  until?: string
  all?: boolean
}

const BASE64 = 'base64:'

export function addSelectionOptions(command: Command): Command {
  return command
    .option('-k, --key <key>', 'of this key (base64:... for bytes that are no text)')
    .option('-e, --event <topic/partition/offset>', 'the event that was read there')
    .option('-f, --failure <fingerprint>', 'what failed like this, as `parked ls --failures` shows')
    .option('--since <time>', 'what last failed at that time or later: RFC 3339, or an age as -2h')
    .option('--until <time>', 'what last failed before that time')
    .option('--all', 'everything that is parked now')
}

/** @throws CliError (usage) */
export function parseSelection(options: SelectionOptions, nowMs: number): Selection {
  const { key, event, failure, since, until, all } = options
  const found: Selection[] = []
  if (key !== undefined) found.push({ kind: 'key', key: base64Of(key) })
  if (event !== undefined) found.push({ kind: 'event', event: eventOf(event) })
  if (failure !== undefined) found.push({ kind: 'fingerprint', fingerprint: failure })
  if (since !== undefined || until !== undefined) {
    const fromMs = since === undefined ? 0 : parseTime(since, nowMs)
    const toMs = until === undefined ? Number.MAX_SAFE_INTEGER : parseTime(until, nowMs)
    found.push({ kind: 'failed-between', fromMs, toMs })
  }
  if (all === true) found.push({ kind: 'all' })
  const [selection] = found
  if (selection !== undefined && found.length === 1) return selection
  throw usageError('Say which events: one of --key, --event, --failure, --since/--until, --all.')
}

function base64Of(key: string): string {
  if (key.startsWith(BASE64)) return key.slice(BASE64.length)
  return Buffer.from(key).toString('base64')
}

function eventOf(text: string): string {
  if (positionOf(text) !== undefined) return text
  throw usageError(`'${text}' is no event: give TOPIC/PARTITION/OFFSET, as orders/3/1042.`)
}
