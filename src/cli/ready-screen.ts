// What a person sees when the broker is up: where it is, where its data is, what to try first. Pure.

import type { SecurityProtocol } from '../broker/catalog/security-protocol.ts'
import { type Address, formatAddress } from './client/address.ts'
import { DEFAULT_BROKER } from './default-broker.ts'
import type { Style } from './output.ts'
import type { StartReport } from './start-report.ts'
import { byteSize, count, duration } from './text.ts'

export interface Readiness {
  readonly version: string
  /** Since the process started. */
  readonly readyMs: number
  readonly kafka: Address
  /** What is spoken there. */
  readonly protocol: SecurityProtocol
  /** Further listeners. */
  readonly others: readonly (Address & { readonly protocol: SecurityProtocol })[]
  /** As the person wrote it. */
  readonly folder: string
  readonly isSynced: boolean
  readonly start: StartReport
}

export type Painter = (style: Style, text: string) => string

const LABEL_WIDTH = 11

interface Fact {
  readonly label: string
  readonly text: string
  readonly remark: string
}

/** Ends with a line end; nothing else is printed to stdout after it. */
export function readyScreen(readiness: Readiness, paint: Painter): string {
  const { version, readyMs, folder, isSynced, start } = readiness
  const kafka = formatAddress(readiness.kafka)
  const size = start.kind === 'new' ? 'new' : byteSize(start.sizeBytes)
  const facts: Fact[] = [
    { label: 'Kafka', text: kafka, remark: remarkOn(readiness.protocol) },
    ...readiness.others.map((other) => {
      return { label: '', text: formatAddress(other), remark: remarkOn(other.protocol) }
    }),
    {
      label: 'Data',
      text: folder,
      remark: `${size}, fsync ${isSynced ? 'on' : 'OFF'}     stop: Ctrl-C`,
    },
    ...foundFacts(start),
  ]
  const width = Math.max(...facts.map(({ text }) => text.length)) + 4
  const label = (text: string) => paint('dim', text.padEnd(LABEL_WIDTH))
  const address = kafka === DEFAULT_BROKER ? '' : ` -b ${kafka}`
  const isOpen = readiness.protocol === 'PLAINTEXT'
  const broker = isOpen ? address : `${address} --command-config FILE`
  return [
    `  ${paint('bold', `millrace ${version}`)}  ${paint('green', `ready in ${duration(readyMs)}`)}`,
    ...facts.map((fact) => {
      return `  ${label(fact.label)}${fact.text.padEnd(width)}${paint('dim', fact.remark)}`
    }),
    `  ${label('Try')}npx millrace produce orders '{"id":1}'${broker}`,
    `  ${label('then')}npx millrace consume orders --follow${broker}`,
    '',
  ].join('\n')
}

function remarkOn(protocol: SecurityProtocol): string {
  return protocol === 'PLAINTEXT' ? 'any Kafka client' : `any Kafka client, by ${protocol}`
}

function foundFacts(start: StartReport): Fact[] {
  const text = `${count(start.topics, 'topic')}, ${count(start.records, 'record')}`
  switch (start.kind) {
    case 'new':
      return []
    case 'clean':
      return [{ label: 'Holds', text, remark: 'stopped cleanly, nothing to recover' }]
    case 'recovered': {
      const cut = start.tornTailsCut === 0 ? '' : `, cut ${count(start.tornTailsCut, 'torn end')}`
      const remark = `after an unclean stop, in ${duration(start.openMs)}${cut}`
      return [{ label: 'Recovered', text, remark }]
    }
  }
}
