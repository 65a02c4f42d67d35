// The smallest history that still shows an anomaly, and how it is printed. First only what touches the
// anomaly's values, transactions, group and place is kept, then operation after operation is left out as
// long as the checker still finds the very same thing.

import type {
  Action,
  Heartbeat,
  Join,
  MemberName,
  Operation,
  Poll,
  Send,
  Subscription,
} from '../operations.ts'
import type { Anomaly } from './anomaly.ts'
import { check } from './check.ts'

/** Checks of a shrunk history; a story that needs more is printed longer than it had to be. */
const MAX_CHECKS = 1_000

export function smallest(operations: readonly Operation[], found: Anomaly): Operation[] {
  const isShown = (some: readonly Operation[]) =>
    check(some).some(({ kind, what }) => kind === found.kind && what === found.what)
  const concerned = operations.filter(({ action }) => concerns(action, found))
  const start = isShown(concerned) ? concerned : operations.filter(isNoFault)
  const kept = [...leaveOut(start, isShown)].map((operation) => trim(operation, found))
  const trimmed = isShown(kept) ? kept : leaveOut(start, isShown)
  return withFaults(trimmed, operations)
}

/** What it says, and the operations that show it, in their order, a line each. */
export function describe(found: Anomaly, operations: readonly Operation[]): string {
  const story = smallest(operations, found)
  return [`${found.kind}: ${found.what}`, ...story.map((operation) => line(operation))].join('\n')
}

function concerns(action: Action, found: Anomaly): boolean {
  const isOurs = (partition: string) => found.partitions.includes(partition)
  const has = (name: string | undefined) => name !== undefined && found.transactions.includes(name)
  switch (action.kind) {
    case 'fault':
      return false
    case 'stuck':
      return found.kind === 'stuck'
    case 'send':
      return has(action.transaction?.name) || action.values.some((v) => found.values.includes(v))
    case 'end':
      return has(action.transaction.name)
    case 'stage':
      return (
        has(action.transaction.name) || (action.group === found.group && isOurs(action.partition))
      )
    case 'init':
      return found.kind === 'zombie'
    case 'heartbeat':
    case 'join':
      return action.group === found.group
    case 'commit':
    case 'committed':
      return action.group === found.group && isOurs(action.partition)
    case 'poll':
      return isOurs(action.partition) && touches(action, found)
    case 'delete-records':
    case 'refused':
      return isOurs(action.partition)
  }
}

/** It gave, or went past, what the story is about, or told of an end that is part of it. */
function touches(poll: Poll, { values, offsets = [] }: Anomaly): boolean {
  const { fromOffset, nextOffset = fromOffset, records = [] } = poll
  const { highWatermark, lastStableOffset, logStartOffset } = poll
  if (records.some(({ value }) => values.includes(value))) return true
  return offsets.some(
    (offset) =>
      (offset >= fromOffset && offset < nextOffset) ||
      [highWatermark, lastStableOffset, logStartOffset].includes(offset),
  )
}

function isNoFault({ action }: Operation): boolean {
  return action.kind !== 'fault'
}

/** Larger pieces first, then single ones, until nothing more can go. */
function leaveOut(
  start: readonly Operation[],
  isShown: (some: readonly Operation[]) => boolean,
): readonly Operation[] {
  let kept = start
  let checks = 0
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : size >> 1) {
    for (let at = 0; at < kept.length && checks < MAX_CHECKS; ) {
      const without = [...kept.slice(0, at), ...kept.slice(at + size)]
      checks++
      if (isShown(without)) kept = without
      else at += size
    }
  }
  return kept
}

/** Of a poll only the records that the story is about. */
function trim(operation: Operation, { values, offsets = [] }: Anomaly): Operation {
  const { action } = operation
  if (action.kind !== 'poll' || action.records === undefined) return operation
  const records = action.records.filter(
    ({ offset, value }) => values.includes(value) || offsets.includes(offset),
  )
  return { ...operation, action: { ...action, records } }
}

/** Faults in between are part of the story, though the checker does not look at them. */
function withFaults(story: readonly Operation[], all: readonly Operation[]): Operation[] {
  const first = story[0]?.invokedAt ?? 0
  const last = Math.max(...story.map(({ completedAt, invokedAt }) => completedAt ?? invokedAt))
  const faults = all.filter(
    ({ action, invokedAt }) => action.kind === 'fault' && invokedAt > first && invokedAt < last,
  )
  return [...story, ...faults].sort((a, b) => a.invokedAt - b.invokedAt)
}

export function line(operation: Operation): string {
  const { action, process, outcome, error, invokedMs, completedMs } = operation
  const from = (invokedMs / 1000).toFixed(3)
  const to = completedMs === undefined ? '...' : (completedMs / 1000).toFixed(3)
  const end = action.kind === 'fault' ? '' : ` -> ${outcome}${error ? ` (${error})` : ''}`
  return `  ${from.padStart(9)} .. ${to.padStart(9)}  ${process}: ${text(action)}${end}`
}

function text(action: Action): string {
  switch (action.kind) {
    case 'send':
      return sendText(action)
    case 'poll':
      return pollText(action)
    case 'init':
      return `init ${action.transactionalId} (incarnation ${action.incarnation})`
    case 'end':
      return `${action.isCommit ? 'commit' : 'abort'} ${action.transaction.name}`
    case 'stage':
      return `stage ${action.group} ${action.partition} = ${action.offset} in ${action.transaction.name}${byText(action.by)}`
    case 'commit':
      return `commit ${action.group} ${action.partition} = ${action.offset}${byText(action.by)}`
    case 'heartbeat':
      return heartbeatText(action)
    case 'join':
      return joinText(action)
    case 'committed':
      return `committed of ${action.group} ${action.partition}: ${action.offset ?? '?'}`
    case 'delete-records':
      return `delete ${action.partition} below ${action.offset}`
    case 'stuck':
      return `STUCK ${action.what}`
    case 'refused':
      return `refused ${action.values} to ${action.partition}: ${action.error}`
    case 'fault':
      return `*** ${action.what}`
  }
}

function sendText({ partition, values, transaction, baseOffset }: Send): string {
  const where = baseOffset === undefined ? '' : ` @${baseOffset}`
  return `send [${values}] to ${partition}${where}${transaction ? ` in ${transaction.name}` : ''}`
}

function byText(by: MemberName | undefined): string {
  return by === undefined ? '' : ` as ${by.member} at epoch ${by.epoch}`
}

function heartbeatText(heartbeat: Heartbeat): string {
  const { member, memberEpoch, held, epoch, assigned, subscribed } = heartbeat
  const now = epoch === undefined ? '?' : `${epoch}, is to hold [${assigned}]`
  const who = `${member}${instanceText(heartbeat)}`
  return `heartbeat of ${who} at epoch ${memberEpoch}${wishText(subscribed)}, holds [${held}]: epoch ${now}`
}

function joinText(join: Join): string {
  const { member, generation, assigned, subscribed } = join
  const now = generation === undefined ? '?' : `generation ${generation}, is to hold [${assigned}]`
  return `join of ${member || 'somebody new'}${instanceText(join)}${wishText(subscribed)}: ${now}`
}

function instanceText({ instance }: { readonly instance?: string | undefined }): string {
  return instance === undefined ? '' : ` (instance ${instance})`
}

function wishText(subscribed: Subscription | undefined): string {
  if (subscribed === undefined) return ''
  const { topics, expression } = subscribed
  return `, wants [${topics}]${expression === undefined ? '' : ` and /${expression}/`}`
}

function pollText(poll: Poll): string {
  const { partition, fromOffset, nextOffset, records = [], isolation, isFinal } = poll
  const what = records.map(({ offset, value }) => `${offset}:${value}`).join(' ')
  const { highWatermark: high, lastStableOffset: stable } = poll
  const ends = `hw ${high ?? '?'}, lso ${stable ?? '?'}`
  const kind = isFinal === true ? 'final read' : 'poll'
  return `${kind} ${partition} from ${fromOffset} to ${nextOffset ?? '?'} (${isolation}, ${ends}): [${what}]`
}
