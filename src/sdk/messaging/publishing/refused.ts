// A send that is refused for what it holds, not for the moment: sending it again is of no use.

import { SendError } from '../../transport/errors.ts'

export function isRefused(error: unknown): boolean {
  return error instanceof SendError && !error.retriable && error.outcome === 'not-written'
}
