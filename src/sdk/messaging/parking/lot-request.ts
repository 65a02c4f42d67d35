// What an operator asks of a parking lot. A request is a record beside the events that it means, and
// the owner of their partition acts on it, so that order has one keeper. It means what was parked
// before it: an event that fails again is parked behind it, and so no request can loop.

import type { LotEntry } from './lot-entry.ts'
import { positionKey } from './position-key.ts'

export type Selection =
  | { readonly kind: 'all' }
  /** As base64: keys are bytes. */
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'event'; readonly event: string }
  /** Last failed in this time; `toMs` exclusive. */
  | { readonly kind: 'failed-between'; readonly fromMs: number; readonly toMs: number }
  /** One group of failures. */
  | { readonly kind: 'fingerprint'; readonly fingerprint: string }

export type LotRequest =
  | {
      readonly kind: 'redrive'
      readonly selection: Selection
      /** Events of this source partition that may be begun in a second. */
      readonly perSecond: number
    }
  | { readonly kind: 'discard'; readonly selection: Selection; readonly reason: string }

/** Followers never failed: only their key, their position and `all` mean them. */
export function isSelected(selection: Selection, entry: LotEntry): boolean {
  switch (selection.kind) {
    case 'all':
      return true
    case 'key':
      return entry.key === selection.key
    case 'event':
      return positionKey(entry.source) === selection.event
    case 'failed-between': {
      const { lastFailedMs } = entry
      return lastFailedMs !== undefined && isBetween(lastFailedMs, selection)
    }
    case 'fingerprint':
      return entry.reason !== 'follows' && entry.fingerprint === selection.fingerprint
  }
}

/** undefined when it is none. */
export function parseRequest(value: unknown): LotRequest | undefined {
  if (!isObject(value)) return undefined
  const selection = parseSelection(value['selection'])
  if (selection === undefined) return undefined
  const { kind, perSecond, reason } = value
  if (kind === 'redrive' && typeof perSecond === 'number' && perSecond > 0) {
    return { kind, selection, perSecond }
  }
  if (kind === 'discard' && typeof reason === 'string') return { kind, selection, reason }
  return undefined
}

function parseSelection(value: unknown): Selection | undefined {
  if (!isObject(value)) return undefined
  const { kind, key, event, fromMs, toMs, fingerprint } = value
  if (kind === 'all') return { kind }
  if (kind === 'key' && typeof key === 'string') return { kind, key }
  if (kind === 'event' && typeof event === 'string') return { kind, event }
  if (kind === 'fingerprint' && typeof fingerprint === 'string') return { kind, fingerprint }
  if (kind === 'failed-between' && typeof fromMs === 'number' && typeof toMs === 'number') {
    return { kind, fromMs, toMs }
  }
  return undefined
}

function isBetween(timeMs: number, range: { fromMs: number; toMs: number }): boolean {
  return timeMs >= range.fromMs && timeMs < range.toMs
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
