// Options of the verbs that work at a running broker, or with `--data` in the folder of one that does
// not run.

import type { Command } from 'commander'
import { addBrokerOptions, type BrokerOptions } from './broker-options.ts'

export interface StoreOptions extends BrokerOptions {
  data?: string
}

export function addStoreOptions(command: Command): Command {
  const withFolder = command.option(
    '--data <dir>',
    'instead of a broker: the data folder of one that does not run',
  )
  return addBrokerOptions(withFolder)
}
