// `millrace parked discard`: takes parked events away for good, for a reason that is kept with them.
// What followed them in their keys runs then.

import type { Command } from 'commander'
import { nodeClock } from '../../host/node-host.ts'
import { planDiscard } from '../../sdk/messaging/parking/lot-plan.ts'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import { type ConfirmOptions, confirm } from '../confirm.ts'
import { ExitCode } from '../exit-code.ts'
import { askOwners, hasMembers, readLot } from '../parked-lot.ts'
import { parkedColumns, rowOf } from '../parked-rows.ts'
import { addSelectionOptions, parseSelection, type SelectionOptions } from '../parked-selection.ts'
import type { Examples, Session } from '../session.ts'
import { count } from '../text.ts'

interface Options extends BrokerOptions, ConfirmOptions, SelectionOptions {
  group: string
  reason: string
}

export const examples: Examples = [
  [
    'millrace parked discard --group billing --event orders/3/1042 --reason "test order"',
    'this one; what follows it runs',
  ],
  [
    'millrace parked discard --group billing --key customer-7 --reason closed --dry-run',
    'what would go?',
  ],
]

export function define(command: Command, session: Session): void {
  command
    .requiredOption('-g, --group <group>', 'name of the consumer group')
    .requiredOption('--reason <text>', 'why they will never be handled')
  addSelectionOptions(command)
    .option('--dry-run', 'show what would go, ask for nothing')
    .option('-y, --yes', 'do not ask')
  addBrokerOptions(command).action((options: Options) => discard(session, options))
}

async function discard(session: Session, options: Options): Promise<void> {
  const { group, reason } = options
  const nowMs = nodeClock.nowMs()
  const selection = parseSelection(options, nowMs)
  await withCluster(session, options, async (cluster, output) => {
    const lot = await readLot(cluster, group)
    const plans = lot.sources
      .map((source) => ({ source, entries: planDiscard(source.state, selection) }))
      .filter(({ entries }) => entries.length > 0)
    const rows = plans.flatMap(({ source, entries }) =>
      entries.map((entry) => rowOf(source, entry, { events: 1, isRunnable: false })),
    )
    if (rows.length === 0) {
      session.exitCode = ExitCode.NOTHING_MATCHED
      await output.rows(parkedColumns(nowMs), rows)
      return output.note('Nothing that is parked matches.')
    }
    if (output.format === 'table') await output.rows(parkedColumns(nowMs), rows)
    const question = `Discard ${count(rows.length, 'event')} of group ${group} for ever?`
    if (await confirm(session.terminal, options, question)) {
      const sources = plans.map(({ source }) => source.source)
      await askOwners(cluster, lot, { sources, request: { kind: 'discard', selection, reason } })
      const when = (await hasMembers(cluster, group))
        ? 'its members have been asked'
        : 'it has no members now, and does so when one starts'
      await output.note(`Group ${group} discards ${count(rows.length, 'event')}: ${when}.`)
    } else {
      await output.note('Nothing was asked for.')
    }
    if (output.format !== 'table') await output.rows(parkedColumns(nowMs), rows)
  })
}
