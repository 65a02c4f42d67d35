// The value of `max.connections.per.ip.overrides`: `10.0.0.1:50,::1:7`. Addresses only: a name is not
// looked up.

import type { ConfigCheck } from './config-value.ts'
import { canonicalAddress } from './ip-address.ts'

/** Connections by canonical address; undefined when the text is something else. */
export function parseConnectionOverrides(text: string): ReadonlyMap<string, number> | undefined {
  const overrides = new Map<string, number>()
  if (text.trim() === '') return overrides
  for (const entry of text.split(',')) {
    const colon = entry.lastIndexOf(':')
    const address = canonicalAddress(entry.slice(0, Math.max(0, colon)).trim())
    const count = entry.slice(colon + 1).trim()
    if (address === undefined || !/^\d{1,9}$/.test(count)) return undefined
    overrides.set(address, Number(count))
  }
  return overrides
}

export const connectionOverrides: ConfigCheck = {
  allowed: 'a list of ADDRESS:NUMBER',
  accepts: (value) => typeof value === 'string' && parseConnectionOverrides(value) !== undefined,
}
