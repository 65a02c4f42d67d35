// `millrace dev`, which is also `millrace` alone: a broker for the one who sits here. On a terminal
// it takes the next free port when the usual one is taken.

import type { Command } from 'commander'
import { addServeOptions, type ServeOptions } from '../serve-options.ts'
import type { Examples, Session } from '../session.ts'

export const examples: Examples = [
  ['millrace', 'a broker on 127.0.0.1:9092, data in ./.millrace'],
  ['millrace dev --listen 127.0.0.1:0', 'on any free port'],
  ['millrace dev --data /tmp/scratch -c num.partitions=1', 'other folder, other setting'],
]

export function define(command: Command, session: Session): void {
  addServeOptions(command).action(async (options: ServeOptions) => {
    const { serve } = await import('../serve.ts')
    await serve(session, options, { movesPort: true })
  })
}
