// The options of `dev` and `start`. What they mean for a broker is serve-plan.ts's, so that help
// loads no broker.

import type { Command } from 'commander'
import { DEFAULT_BROKER } from './default-broker.ts'
import { collect } from './key-values.ts'

export const DEFAULT_FOLDER = './.millrace'

export interface ServeOptions {
  data?: string
  listen?: string
  advertise?: string
  config?: string
  set?: string[]
  acceptAnyReplicationFactor?: boolean
  verbose?: boolean
}

export function addServeOptions(command: Command): Command {
  return command
    .option('--data <dir>', `the data folder (default: $MILLRACE_DATA, else ${DEFAULT_FOLDER})`)
    .option(
      '--listen <host:port>',
      `where to listen; port 0 takes a free one (default: ${DEFAULT_BROKER})`,
    )
    .option('--advertise <host:port>', 'what clients are told, where that differs')
    .option(
      '--config <file>',
      'settings in a file like server.properties (default: $MILLRACE_CONFIG)',
    )
    .option('-c, --set <key=value>', "a setting by Kafka's name, may be repeated", collect)
    .option(
      '--accept-any-replication-factor',
      'for development: take a factor above 1, keep one copy',
    )
    .option('-v, --verbose', 'on a terminal, show what the broker logs')
}
