// The machine's own limits beside ours: a TCP sink that answers without looking against produce
// without sync, and a bare write-and-sync loop against produce with sync.
import { mkdirSync } from 'node:fs'
import { createTopic } from '../load/admin.ts'
import type { ProduceLoad, ProduceResult } from '../load/produce.ts'
import { freePort, TOPIC_CONFIGS, untilListening } from '../peers/peer.ts'
import { median } from '../percentile.ts'
import { runLoad, start, stop } from '../processes.ts'
import { undisturbed } from '../quiet.ts'
import {
  type Bench,
  figure,
  type PeerName,
  printForeign,
  printTable,
  ratio,
  withPeer,
} from './bench.ts'

interface SyncLoopResult {
  readonly mbPerSecond: number
  readonly p50Ms: number
}

export async function rawSuite(bench: Bench): Promise<void> {
  const samples: Record<string, number[]> = {}
  const foreign: number[] = []
  const add = async (name: string, measure: () => Promise<number>) => {
    const { result, foreignCores } = await undisturbed([], measure)
    samples[name] = [...(samples[name] ?? []), result]
    foreign.push(foreignCores)
  }
  const eight = { connections: 8, partitions: 8 }
  const one = { connections: 1, partitions: 1 }
  const single = { ...one, inFlight: 1, recordsPerBatch: 1 }
  const many = { ...single, partitions: 256, partitionsPerRequest: 256 }
  for (let round = 0; round < bench.rounds; round++) {
    await add('sink', () => sink(bench))
    await add('noSync', async () => (await broker(bench, 'millraceNoSync', eight)).mbPerSecond)
    await add('loop', async () => (await syncLoop(bench, 262_144)).mbPerSecond)
    await add('sync', async () => (await broker(bench, 'millrace', one)).mbPerSecond)
    await add('loopP50', async () => (await syncLoop(bench, 1024)).p50Ms)
    await add('ackP50', async () => (await broker(bench, 'millrace', single)).p50Ms)
    await add('commit256', async () => (await broker(bench, 'millrace', many)).p50Ms)
  }
  const of = (name: string) => median(samples[name]!)
  const row = (name: string, own: string, limit: string, unit: string) => [
    name,
    `${figure(of(own))} ${unit}`,
    `${figure(of(limit))} ${unit}`,
    ratio(of(own), of(limit)),
  ]
  printTable(
    ['against the raw limit', 'Millrace', 'limit', 'ratio'],
    [
      row('100 KB batches, 8 connections, no sync / TCP sink', 'noSync', 'sink', 'MB/s'),
      row('100 KB batches, 1 connection, sync / write+sync of 256 KB', 'sync', 'loop', 'MB/s'),
      row('ack p50 of one 1 KB record / write+sync of 1 KB', 'ackP50', 'loopP50', 'ms'),
      row('commit over 256 partitions / over one', 'commit256', 'ackP50', 'ms'),
    ],
  )
  printForeign(foreign)
}

async function sink(bench: Bench): Promise<number> {
  const port = await freePort()
  const command = [process.execPath, `${import.meta.dirname}/../raw/tcp-sink.ts`, String(port)]
  const started = start(command, { cpus: bench.brokerCpus })
  await untilListening(port, started)
  const load = { ...bigBatches(bench), connections: 8, partitions: 8 }
  const bootstrap = { host: '127.0.0.1', port }
  const parameters = { ...load, bootstrap, topic: 'sink' } satisfies ProduceLoad
  const result = await runLoad<ProduceResult>('load/produce.ts', parameters, bench.loadCpus)
  await stop(started)
  return result.mbPerSecond
}

function broker(
  bench: Bench,
  peer: PeerName,
  shape: Partial<ProduceLoad> & { partitions: number },
): Promise<ProduceResult> {
  return withPeer(bench, peer, async ({ bootstrap }) => {
    const configs = shape.partitions > 8 ? {} : TOPIC_CONFIGS
    await createTopic(bootstrap, 'raw', shape.partitions, configs)
    const parameters = { ...bigBatches(bench), ...shape, bootstrap, topic: 'raw' }
    return await runLoad<ProduceResult>('load/produce.ts', parameters, bench.loadCpus)
  })
}

function syncLoop(bench: Bench, bytes: number): Promise<SyncLoopResult> {
  mkdirSync(bench.folder, { recursive: true })
  const parameters = { folder: bench.folder, bytes, seconds: bench.seconds, onThread: false }
  return runLoad<SyncLoopResult>('raw/sync-loop.ts', parameters, bench.brokerCpus)
}

function bigBatches(bench: Bench) {
  return {
    inFlight: 5,
    partitionsPerRequest: 1,
    recordsPerBatch: 100,
    recordBytes: 1024,
    acks: -1,
    warmupSeconds: 1,
    seconds: bench.seconds,
  }
}
