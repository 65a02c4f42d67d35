// Sends old requests once more, late, over connections of its own.

import { ClientError } from '../../../../src/cli/client/client-error.ts'
import type { Arena } from './arena.ts'

export async function echoLateRequests(arena: Arena, everyMs: number): Promise<void> {
  while (!arena.isEnding) {
    await arena.pass(2 * arena.random.fraction() * everyMs)
    const echo = arena.echoes.pick(arena.random)
    if (echo === undefined || arena.isEnding) continue
    try {
      const connection = await arena.connect()
      arena.tally.count('fault late duplicate')
      arena.history.note('network', { kind: 'fault', what: 'an old request comes once more' })
      await echo(connection).finally(() => connection.close())
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
    }
  }
}
