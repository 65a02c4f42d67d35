// What a running application tells: facts of its consumers and of their lots, and what goes wrong in the
// engine that no call reports. Whoever wants them gets all; without a listener the bad ones are lines
// on standard error, because a consumer that stopped must not be silent.

import { writeErrorLine } from '../../host/standard-error.ts'
import type { DelayNotice } from '../messaging/delaying/delayed-delivery.ts'
import type { ConsumerNotification } from '../messaging/notifications.ts'
import type { ParkingNotice } from '../messaging/parking/open-partition.ts'

export type AppNotification =
  | ConsumerNotification
  | ParkingNotice
  | DelayNotice
  | { readonly kind: 'warning'; readonly message: string; readonly cause: unknown }

type Level = 'info' | 'warn' | 'error'

/** Shaped as pino's: fields first. */
export interface Logger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

const LEVELS: Readonly<Record<AppNotification['kind'], Level>> = {
  assigned: 'info',
  revoked: 'info',
  lost: 'warn',
  parked: 'warn',
  'park-failed': 'error',
  'lot-unreadable': 'error',
  paused: 'warn',
  resumed: 'info',
  lagging: 'warn',
  stalled: 'warn',
  'event-loop-held': 'warn',
  'commit-failed': 'warn',
  rejoining: 'warn',
  stopped: 'error',
  redriven: 'info',
  'redrive-failed': 'warn',
  discarded: 'info',
  'delivery-refused': 'error',
  warning: 'warn',
}

/** @internal */
export function logNotification(log: Logger, notification: AppNotification): void {
  const { kind, ...fields } = notification
  log[LEVELS[kind]](describe(fields), `millrace: ${kind}`)
}

/** @internal Warnings and errors, one JSON object a line. */
export const standardErrorLog: Logger = {
  info: () => undefined,
  warn: (fields, message) => writeErrorLine(lineOf('warn', fields, message)),
  error: (fields, message) => writeErrorLine(lineOf('error', fields, message)),
}

function lineOf(level: Level, fields: object, message: string): string {
  return JSON.stringify({ level, message, ...fields })
}

/** Errors are no plain data: what they say is. */
function describe(fields: object): object {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]: [string, unknown]) => {
      return [name, value instanceof Error ? { error: value.name, message: value.message } : value]
    }),
  )
}
