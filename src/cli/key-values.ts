// `key=value` arguments, as topic configurations take them. A value may hold `=` itself.

import { usageError } from './exit-code.ts'

/** @throws CliError (usage) for an argument without `=` or with nothing before it */
export function parseKeyValues(pairs: readonly string[]): Record<string, string> {
  const result: Record<string, string> = {}
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    if (at <= 0)
      throw usageError(`'${pair}' is no key=value: give, for instance, retention.ms=60000.`)
    result[pair.slice(0, at)] = pair.slice(at + 1)
  }
  return result
}

/** For options that may be given several times. */
export function collect(value: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), value]
}

/** @param name how the option or argument is called in the message */
export function parseCount(text: string, name: string): number {
  if (/^\d+$/.test(text)) {
    const number = Number(text)
    if (Number.isSafeInteger(number)) return number
  }
  throw usageError(`'${text}' is no number for ${name}: give 0, 1, 2, ...`)
}
