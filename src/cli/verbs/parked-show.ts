// `millrace parked show`: one parked event, whole: where it was read, what went wrong, its bytes.

import type { Command } from 'commander'
import { positionKey, positionOf } from '../../sdk/messaging/parking/position-key.ts'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import { CliError, ExitCode, usageError } from '../exit-code.ts'
import { type ParkedLot, readLot } from '../parked-lot.ts'
import type { Examples, Session } from '../session.ts'
import { isoTime, type JsonBytes, jsonBytes, printable, tsvField } from '../text.ts'

interface Options extends BrokerOptions {
  group: string
}

interface Shown {
  readonly group: string
  readonly event: string
  readonly timestamp: string | null
  readonly key: JsonBytes
  readonly value: JsonBytes
  readonly headers: readonly (readonly [name: string, value: JsonBytes])[]
  readonly reason: string
  readonly holdsKey: boolean
  /** Where the event of its key stands that runs before it; null when there is none. */
  readonly follows: string | null
  readonly parked: string | null
  readonly attempts: number
  readonly firstFailed: string | null
  readonly lastFailed: string | null
  readonly errorName: string | null
  readonly errorMessage: string | null
  readonly errorCode: string | null
  readonly stack: string | null
  readonly failure: string
  readonly codeVersion: string
}

export const examples: Examples = [
  ['millrace parked show --group billing orders/3/1042', 'the event, its error and its stack'],
  ['millrace parked show --group billing orders/3/1042 --json', 'the same for a script'],
]

export function define(command: Command, session: Session): void {
  command
    .argument('<topic/partition/offset>', 'where the event was read')
    .requiredOption('-g, --group <group>', 'name of the consumer group')
  addBrokerOptions(command).action((event: string, options: Options) =>
    withCluster(session, options, async (cluster, output) => {
      if (positionOf(event) === undefined) {
        throw usageError(`'${event}' is no event: give TOPIC/PARTITION/OFFSET, as orders/3/1042.`)
      }
      const lot = await readLot(cluster, options.group, (position) => position === event)
      const shown = find(lot, event)
      if (shown === undefined) {
        const advice = `\`millrace parked ls --group ${options.group}\` lists what is.`
        throw new CliError(ExitCode.NOT_FOUND, `Event ${event} is not parked: ${advice}`)
      }
      if (output.format === 'json' || output.format === 'jsonl') return output.json(shown)
      for (const [name, value] of linesOf(shown)) {
        const line =
          output.format === 'tsv'
            ? `${name}\t${tsvField(value)}`
            : `${output.paint('dim', name.padEnd(NAME_WIDTH))}  ${value}`
        await output.data(`${line}\n`)
      }
    }),
  )
}

const NAME_WIDTH = 12

function find(lot: ParkedLot, wanted: string): Shown | undefined {
  for (const source of lot.sources) {
    for (const queue of source.state.queues) {
      const at = queue.findIndex((entry) => positionKey(entry.source) === wanted)
      if (at < 0) continue
      const entry = queue[at]!
      const { record, reason, holdsKey, failure, codeVersion } = source.event(entry)
      const before = queue[at - 1]
      return {
        group: lot.group,
        event: wanted,
        timestamp: isoTime(record.timestampMs),
        key: jsonBytes(bufferOf(record.key)),
        value: jsonBytes(bufferOf(record.value)),
        headers: record.headers.map(([name, value]) => [name, jsonBytes(bufferOf(value))]),
        reason,
        holdsKey,
        follows: before === undefined ? null : positionKey(before.source),
        parked: isoTime(entry.parkedMs),
        attempts: entry.attempts,
        firstFailed: failure === undefined ? null : isoTime(failure.firstFailedMs),
        lastFailed: failure === undefined ? null : isoTime(failure.lastFailedMs),
        errorName: failure?.errorName ?? null,
        errorMessage: failure?.errorMessage ?? null,
        errorCode: failure?.errorCode ?? null,
        stack: failure?.stack ?? null,
        failure: entry.fingerprint,
        codeVersion,
      }
    }
  }
  return undefined
}

function linesOf(shown: Shown): [name: string, value: string][] {
  const { errorName, errorMessage, stack, follows, errorCode } = shown
  const lines: [string, string | null][] = [
    ['event', shown.event],
    ['key', shown.key === null ? null : printable(shown.key)],
    ['reason', shown.reason],
    ['follows', follows],
    ['attempts', String(shown.attempts)],
    ['first failed', shown.firstFailed],
    ['last failed', shown.lastFailed],
    ['error', errorName === null ? null : printable(`${errorName}: ${errorMessage}`)],
    ['code', errorCode],
    ['failure', shown.failure],
    ['version', shown.codeVersion === '' ? null : shown.codeVersion],
    ['parked', shown.parked],
    ...shown.headers.map(([name, value]): [string, string] => {
      return ['header', `${printable(name)}: ${printable(value)}`]
    }),
    ['value', printable(shown.value)],
    ...(stack ?? '').split('\n').map((line): [string, string] => ['stack', printable(line)]),
  ]
  return lines.flatMap(([name, value]) => (value === null || value === '' ? [] : [[name, value]]))
}

function bufferOf(bytes: Uint8Array | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes)
}
