// `millrace start`: a broker for scripts and services. It listens where it was told to, or fails.

import type { Command } from 'commander'
import { addServeOptions, type ServeOptions } from '../serve-options.ts'
import type { Examples, Session } from '../session.ts'

export const examples: Examples = [
  ['millrace start --data /var/lib/millrace', 'JSON lines on stdout where that is no terminal'],
  ['millrace start --config server.properties', "settings by Kafka's names"],
  ['MILLRACE_LISTEN=127.0.0.1:0 millrace start', 'a free port, told in the first line'],
]

export function define(command: Command, session: Session): void {
  addServeOptions(command).action(async (options: ServeOptions) => {
    const { serve } = await import('../serve.ts')
    await serve(session, options, { movesPort: false })
  })
}
