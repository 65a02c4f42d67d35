// What every suite shares: the peers, how long and how often to measure, running a row on each peer
// in turn, and printing a table of medians with ratios.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, type Peer, type Running } from '../peers/peer.ts'
import { median } from '../percentile.ts'
import { stop } from '../processes.ts'
import { type Undisturbed, undisturbed } from '../quiet.ts'

export type PeerName = 'millrace' | 'millraceBefore' | 'millraceNoSync' | 'kafka' | 'kafkaSync'

export interface Bench {
  readonly folder: string
  readonly rounds: number
  readonly seconds: number
  readonly brokerCpus: string | undefined
  readonly loadCpus: string | undefined
  /** Only rows whose name has this in it, of the suites that have many. */
  readonly rows: string | undefined
  /** Also what has a working set above 1 GB. */
  readonly isLarge: boolean
  readonly peers: Record<PeerName, Peer>
  /** Every single measurement, for --json. */
  readonly results: Result[]
}

interface Result {
  readonly suite: string
  readonly row: string
  readonly peer: string
  readonly values: Record<string, number>
  /** Processors that other programs took meanwhile. */
  readonly foreignCores: number
}

type Measured = Undisturbed<Record<string, number>>

/** Starts a peer in an empty folder, lets `use` work with it, stops it and empties the folder. */
export async function withPeer<Result>(
  bench: Bench,
  name: PeerName,
  use: (running: Running, folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = join(bench.folder, name)
  const port = await freePort()
  const running = await bench.peers[name].start({ folder, port, cpus: bench.brokerCpus })
  try {
    return await use(running, folder)
  } finally {
    await stop(running.started)
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * Measures `rows` on each peer, `bench.rounds` times, peers in turn within a round, and prints for
 * each of `tables` the median of that value for each row and peer, with Millrace's ratio to others.
 */
export async function compare<Row extends { readonly name: string }>(
  bench: Bench,
  suite: {
    readonly name: string
    readonly tables: readonly { readonly value: string; readonly unit: string }[]
    /** Millrace first. */
    readonly peers: readonly PeerName[]
    readonly rows: readonly Row[]
    /** Each measurement needs a broker that has just been started. */
    readonly isOfStart?: boolean
    /** What a broker gets to do before its first row: a JVM compiles what it runs often. */
    warmUp?(running: Running): Promise<void>
    /** @param run differs whenever the same row is measured again on the same peer */
    measure(
      running: Running,
      row: Row,
      at: { folder: string; run: number },
    ): Promise<Record<string, number>>
  },
): Promise<void> {
  const results: Result[] = []
  const add = (row: Row, peer: PeerName, { result: values, foreignCores }: Measured) =>
    results.push({ suite: suite.name, row: row.name, peer, values, foreignCores })
  for (let round = 0; round < bench.rounds; round++) {
    for (const peer of suite.peers) {
      if (suite.isOfStart === true) {
        for (const row of suite.rows) {
          const start = (run: number) =>
            withPeer(bench, peer, (running, folder) => suite.measure(running, row, { folder, run }))
          add(row, peer, await undisturbed([], start))
        }
        continue
      }
      await withPeer(bench, peer, async (running, folder) => {
        await suite.warmUp?.(running)
        for (const row of suite.rows) {
          const measure = (run: number) => suite.measure(running, row, { folder, run })
          add(row, peer, await undisturbed([running.pid], measure))
        }
      })
    }
  }
  bench.results.push(...results)
  const rivals = suite.peers.filter((peer) => peer.startsWith('kafka'))
  for (const { value, unit } of suite.tables) {
    const of = (row: Row, peer: PeerName) =>
      median(
        results
          .filter((result) => result.row === row.name && result.peer === peer)
          .map((result) => result.values[value]!),
      )
    printTable(
      [
        `${suite.name}: ${value}`,
        ...suite.peers.map((peer) => bench.peers[peer].name),
        ...rivals.map((peer) => `Millrace / ${bench.peers[peer].name}`),
      ],
      suite.rows.map((row) => [
        row.name,
        ...suite.peers.map((peer) => `${figure(of(row, peer))} ${unit}`),
        ...rivals.map((peer) => ratio(of(row, suite.peers[0]!), of(row, peer))),
      ]),
    )
  }
  printForeign(results.map(({ foreignCores }) => foreignCores))
}

/** How far the figures above can be believed. */
export function printForeign(cores: readonly number[]): void {
  const most = Math.max(...cores).toFixed(2)
  console.log(`(others took ${median(cores).toFixed(2)} processors meanwhile, ${most} at most)`)
}

export function printTable(header: readonly string[], lines: readonly (readonly string[])[]): void {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...lines.map((line) => (line[column] ?? '').length)),
  )
  const format = (line: readonly string[]) =>
    `| ${line.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`
  console.log('')
  console.log(format(header))
  console.log(`|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`)
  for (const line of lines) console.log(format(line))
}

export function ratio(own: number, other: number): string {
  return `${(own / other).toFixed(2)}`
}

export function figure(value: number): string {
  if (value >= 100) return String(Math.round(value))
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
