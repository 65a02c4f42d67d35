// `millrace parked ls`: what a group has given up, by key, or by what went wrong.

import type { Command } from 'commander'
import { nodeClock } from '../../host/node-host.ts'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import { readLot } from '../parked-lot.ts'
import { failureColumns, failuresOf, parkedColumns, rowsOf } from '../parked-rows.ts'
import type { Examples, Session } from '../session.ts'

interface Options extends BrokerOptions {
  group: string
  failures?: boolean
}

export const examples: Examples = [
  ['millrace parked ls --group billing', 'the keys that wait, and why'],
  ['millrace parked ls --group billing --failures', 'what went wrong, most frequent first'],
]

export function define(command: Command, session: Session): void {
  command
    .requiredOption('-g, --group <group>', 'name of the consumer group')
    .option('--failures', 'a row for each kind of failure instead of each key')
  addBrokerOptions(command).action((options: Options) =>
    withCluster(session, options, async (cluster, output) => {
      const lot = await readLot(cluster, options.group)
      const nowMs = nodeClock.nowMs()
      const rows = rowsOf(lot)
      if (options.failures === true) await output.rows(failureColumns(nowMs), failuresOf(lot))
      else await output.rows(parkedColumns(nowMs), rows)
      if (rows.length === 0) await output.note(`Group ${options.group} has nothing parked.`)
    }),
  )
}
