// `millrace parked redrive`: has parked events handled again, in the order of their keys, by the
// members of the group. Shows first what would run.

import type { Command } from 'commander'
import { nodeClock } from '../../host/node-host.ts'
import { planRedrive } from '../../sdk/messaging/parking/lot-plan.ts'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import { type ConfirmOptions, confirm } from '../confirm.ts'
import { ExitCode, usageError } from '../exit-code.ts'
import { parseCount } from '../key-values.ts'
import { askOwners, hasMembers, readLot } from '../parked-lot.ts'
import { parkedColumns, rowOf } from '../parked-rows.ts'
import { addSelectionOptions, parseSelection, type SelectionOptions } from '../parked-selection.ts'
import type { Examples, Session } from '../session.ts'
import { count } from '../text.ts'

interface Options extends BrokerOptions, ConfirmOptions, SelectionOptions {
  group: string
  rate: string
}

export const examples: Examples = [
  ['millrace parked redrive --group billing --key customer-7', 'one key, in order'],
  ['millrace parked redrive --group billing --failure 3fa1c09e --dry-run', 'what would run?'],
  ['millrace parked redrive --group billing --all --rate 5 --yes', 'slowly, for scripts'],
]

export function define(command: Command, session: Session): void {
  command.requiredOption('-g, --group <group>', 'name of the consumer group')
  addSelectionOptions(command)
    .option('--rate <count>', 'events that are begun in a second, at most', '10')
    .option('--dry-run', 'show what would run, ask for nothing')
    .option('-y, --yes', 'do not ask')
  addBrokerOptions(command).action((options: Options) => redrive(session, options))
}

async function redrive(session: Session, options: Options): Promise<void> {
  const { group } = options
  const nowMs = nodeClock.nowMs()
  const selection = parseSelection(options, nowMs)
  const rate = parseCount(options.rate, '--rate')
  if (rate === 0) throw usageError('--rate 0 would never end: give 1 or more.')
  await withCluster(session, options, async (cluster, output) => {
    const lot = await readLot(cluster, group)
    const plans = lot.sources
      .map((source) => ({ source, planned: planRedrive(source.state, selection) }))
      .filter(({ planned }) => planned.length > 0)
    const rows = plans.flatMap(({ source, planned }) =>
      planned.map(({ head, events }) => rowOf(source, head, { events, isRunnable: false })),
    )
    if (rows.length === 0) {
      session.exitCode = ExitCode.NOTHING_MATCHED
      await output.rows(parkedColumns(nowMs), rows)
      return output.note(
        'Nothing that failed matches. What only follows runs after what it follows.',
      )
    }
    const events = rows.reduce((sum, row) => sum + row.events, 0)
    if (output.format === 'table') await output.rows(parkedColumns(nowMs), rows)
    const question = `Redrive ${count(events, 'event')} of group ${group}?`
    if (await confirm(session.terminal, options, question)) {
      const sources = plans.map(({ source }) => source.source)
      const request = { kind: 'redrive', selection, perSecond: rate / sources.length } as const
      await askOwners(cluster, lot, { sources, request })
      const when = (await hasMembers(cluster, group))
        ? 'its members have been asked'
        : 'it has no members now, and does so when one starts'
      await output.note(`Group ${group} redrives ${count(events, 'event')}: ${when}.`)
    } else {
      await output.note('Nothing was asked for.')
    }
    if (output.format !== 'table') await output.rows(parkedColumns(nowMs), rows)
  })
}
