// Writes the tables of docs/reliability.md from what campaigns of the checker have put down:
//   node scripts/reliability-docs.ts FILE...     lines of `npm run test:history -- --json FILE`
// Every campaign is listed, in the order given; of each seeded bug the last line counts.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BugLine, CampaignLine } from '../test/faults/history/campaign-lines.ts'

const page = join(import.meta.dirname, '../docs/reliability.md')

/** What struck, in words, and where it is counted. */
const FAULTS: readonly (readonly [what: string, simulated: string, real: string])[] = [
  ['the process is killed (`kill -9`)', 'fault kill', 'fault kill -9'],
  ['the power is cut: unsynced writes are lost, torn, reordered', 'fault power cut', ''],
  ['a stop in good order, in the middle of everything', 'fault stop', 'fault clean stop'],
  ['the process is paused (SIGSTOP, SIGCONT)', '', 'fault pause'],
  ['the disk is full for a while', 'fault full disk', 'fault full disk'],
  ['an I/O error on a write or a sync', 'fault I/O error', 'fault I/O error'],
  ['the disk is slow', 'fault slow disk', 'fault slow disk'],
  ['the calendar jumps forward', 'fault clock forward', ''],
  ['the calendar jumps back', 'fault clock back', ''],
  ['the calendar jumps, either way', '', 'fault clock jump'],
  ['a connection is reset', 'fault reset', ''],
  ['a connection is cut in the middle of a request', '', 'fault cut mid-request'],
  ['a connection is cut instead of an answer', '', 'fault cut before the answer'],
  ['a connection falls silent (half-open)', 'fault half-open', 'fault half-open'],
  ['an old request comes once more, late', 'fault late duplicate', 'fault late duplicate'],
]

const DEEDS: readonly (readonly [what: string, count: string])[] = [
  ['starts of a broker', 'lives'],
  ['operations in histories', 'operations'],
  ['records acknowledged', 'acknowledged'],
  ['records read', 'read'],
  ['transactions committed', 'committed'],
  ['transactions aborted', 'aborted'],
  ['offsets committed', 'commits'],
  ['generations of classic groups', 'generations'],
  ['joins of members of the new protocol', 'consumers: joined'],
  ['partitions that they gave up for others', 'consumers: given up'],
  ['members of it that had been silent, and were forgotten', 'consumers: fenced'],
  ['commits of members that were none any more, refused', 'stale commits refused'],
  ['joins of static members, of either protocol', 'static members: joined'],
  [
    'static members of classic groups that came back as another process',
    'static members: restarted',
  ],
  ['static members of the new protocol that left for a while', 'static members: left for a while'],
  ['static members of it that went without a word', 'static members: crashed'],
  ['subscriptions that changed', 'subscriptions changed'],
  ['topics made while somebody subscribed by expressions', 'topics made for expressions'],
  ['records processed by loops that share their input', 'shared loops: processed'],
  [
    'their transactions that were refused, for they were no members',
    'shared loops: refused as members',
  ],
  ['values that compaction took away', 'compacted away'],
  ['batches sent again', 'resent'],
  ['fenced producers that went on, and were refused', 'zombies refused'],
]

function campaignTables({ git, seed, command, minutes, simulated, real }: CampaignLine): string {
  const at = (counts: Readonly<Record<string, number>>, name: string) =>
    name === '' ? '' : (counts[name] ?? 0).toLocaleString('en')
  const all = [
    `At \`${git}\`, seeds ${seed} and up, ${minutes} minutes: ${simulated['runs'] ?? 0} simulated runs and ` +
      `${real['rounds'] ?? 0} rounds against a real process; **nothing was found**. Again:`,
    '',
    '```',
    command,
    '```',
    '',
    '| fault | simulated | real process |',
    '| --- | ---: | ---: |',
    ...FAULTS.map(([what, a, b]) => `| ${what} | ${at(simulated, a)} | ${at(real, b)} |`),
    '',
    '| what happened meanwhile | simulated | real process |',
    '| --- | ---: | ---: |',
    ...DEEDS.filter(([, name]) => name in simulated || name in real).map(
      ([what, name]) => `| ${what} | ${at(simulated, name)} | ${at(real, name)} |`,
    ),
    '',
    '| branch of recovery | taken in simulation | by the real process |',
    '| --- | ---: | ---: |',
    ...[...new Set([...Object.keys(simulated), ...Object.keys(real)])]
      .filter((name) => name.startsWith('recovery ') && name !== 'recovery diskFaultHits')
      .sort()
      .map((name) => {
        return `| \`${name.slice('recovery '.length)}\` | ${at(simulated, name)} | ${at(real, name)} |`
      }),
  ]
  return all.join('\n')
}

function bugTable(bugs: readonly BugLine[]): string {
  return [
    '| the broker in which | was found as | by the seed | in runs |',
    '| --- | --- | ---: | ---: |',
    ...bugs.map(({ bug, seenAs, seed, runs }) => `| ${bug} | ${seenAs} | ${seed} | ${runs} |`),
  ].join('\n')
}

function replaceBetween(text: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${page} has no place for ${name}`)
  return `${text.slice(0, from + begin.length)}\n${content}\n${text.slice(to)}`
}

const lines = process.argv
  .slice(2)
  .flatMap((file) => readFileSync(file, 'utf8').trim().split('\n'))
  .map((line): CampaignLine | BugLine => JSON.parse(line))
const campaigns = lines.filter((line) => line.kind === 'campaign')
const bugs = new Map(
  lines.filter((line) => line.kind === 'bug').map((line) => [line.bug, line] as const),
)
let text = readFileSync(page, 'utf8')
if (campaigns.length > 0) {
  text = replaceBetween(text, 'campaign', campaigns.map(campaignTables).join('\n\n'))
}
if (bugs.size > 0) text = replaceBetween(text, 'bugs', bugTable([...bugs.values()]))
writeFileSync(page, text)
