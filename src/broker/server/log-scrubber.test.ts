import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type FaultRule, FaultyDisk } from '../../../test/faults/faulty-disk.ts'
import type { Disk } from '../../host/disk.ts'
import { memoryDisk } from '../../host/memory-disk.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { segmentPath } from '../log/segment.ts'
import { type HandlerWorld, openHandlerWorld } from './handler-test-world.ts'
import type { LogFields } from './json-log.ts'
import { LogScrubber } from './log-scrubber.ts'

const KIB = 1024
const RECORD_BYTES = 100 * KIB
/** A segment of one batch each: the last one is active, and not looked at. */
const RECORDS = 5
const SEALED = RECORDS - 1
const SECONDS_TO_THE_END = 100
const DISK_BYTES = 64 * KIB * KIB

describe('the scrub', () => {
  it('leaves sound logs online, and says how much it has read', async () => {
    await using world = await openWithSealedSegments()
    const { scrub, logged } = scrubber(world, { bytesPerSecond: 1024 * KIB })

    await scrub.toTheEnd()

    assert.ok(logs(world).every(({ state }) => state === 'online'))
    assert.deepEqual(
      logged.map(({ event }) => event),
      ['logs-scrubbed'],
    )
    const { bytes } = logged[0]!.fields
    const sealedBytes = 2 * SEALED * RECORD_BYTES
    assert.ok(Number(bytes) > sealedBytes && Number(bytes) < 1.01 * sealedBytes, String(bytes))
  })

  it('finds a bit that has turned inside a record: offline, the offset named, others serve', async () => {
    await using world = await openWithSealedSegments()
    await flip(world.disk, segmentPath('topics/a-0', 2, 'log'), RECORD_BYTES / 2)
    const { scrub } = scrubber(world, { bytesPerSecond: 1024 * KIB })

    await scrub.toTheEnd()

    const [damaged, other] = logs(world)
    assert.equal(damaged!.state, 'offline')
    assert.match(damaged!.offlineReason ?? '', /damaged at offset 2 \(.*0{19}2\.log, byte 0\)/)
    const offline = world.logged.filter(({ event }) => event === 'partition-offline')
    assert.deepEqual(
      offline.map(({ fields }) => fields['topic']),
      ['a'],
    )
    assert.equal(other!.state, 'online')
    await world.produce('a', 1, ['still taken'])
  })

  it('finds what is missing at the end of a file', async () => {
    await using world = await openWithSealedSegments()
    const file = await world.disk.open(segmentPath('topics/a-0', 1, 'log'))
    await file.truncate(RECORD_BYTES / 2)
    await file.close()
    const { scrub } = scrubber(world, { bytesPerSecond: 1024 * KIB })

    await scrub.toTheEnd()

    assert.match(logs(world)[0]!.offlineReason ?? '', /damaged at offset 1 /)
  })

  it('reads what a second allows, and what was too much is missing from the next ones', async () => {
    await using world = await openWithSealedSegments()
    const { scrub, checked } = scrubber(world, { bytesPerSecond: 40 * KIB })

    const reads: number[] = []
    for (let second = 1; second <= 15; second++) {
      await scrub.second()
      reads.push(checked.length)
    }

    // A batch is not read in parts: of 100 KiB, it takes two seconds and a half.
    assert.deepEqual(reads, [1, 1, 2, 2, 2, 3, 3, 4, 4, 4, 5, 5, 6, 6, 6])
    assert.deepEqual(checked.slice(0, 5), ['0-0', '0-1', '0-2', '0-3', '1-0'])
  })

  it('goes on where it was, also when that segment is removed in between', async () => {
    await using world = await openWithSealedSegments()
    const { scrub, checked, logged } = scrubber(world, { bytesPerSecond: RECORD_BYTES })
    await scrub.second()

    await logs(world)[0]!.deleteRecordsBefore(3)
    await scrub.toTheEnd()

    assert.deepEqual(checked, ['0-0', '0-3', '1-0', '1-1', '1-2', '1-3'])
    assert.ok(logs(world).every(({ state }) => state === 'online'))
    assert.deepEqual(
      logged.map(({ event }) => event),
      ['logs-scrubbed'],
    )
  })

  it('takes a segment that is removed while it is read for no damage', async () => {
    const disk = new FaultyDisk(memoryDisk({ maxBytes: DISK_BYTES }))
    await using world = await openWithSealedSegments(disk)
    const { scrub, checked, logged } = scrubber(world, { bytesPerSecond: 1024 * KIB })
    const lost = disk.inject({
      ...readOf(0),
      fails: 'not-found',
      waitsFor: () => logs(world)[0]!.deleteRecordsBefore(1),
    })

    await scrub.toTheEnd()

    assert.equal(lost.hits, 1)
    assert.ok(logs(world).every(({ state }) => state === 'online'))
    assert.deepEqual(checked.slice(0, 2), ['0-1', '0-2'])
    assert.deepEqual(
      logged.map(({ event }) => event),
      ['logs-scrubbed'],
    )
  })

  it('leaves a partition behind that is closed while it is read', async () => {
    const disk = new FaultyDisk(memoryDisk({ maxBytes: DISK_BYTES }))
    await using world = await openWithSealedSegments(disk)
    const { scrub, checked, logged } = scrubber(world, { bytesPerSecond: 1024 * KIB })
    const [log] = logs(world)
    const lost = disk.inject({
      ...readOf(0),
      fails: 'not-found',
      waitsFor: () => log!.close({ isGone: true }),
    })

    await scrub.toTheEnd()

    assert.equal(lost.hits, 1)
    assert.deepEqual(checked, ['1-0', '1-1', '1-2', '1-3'])
    assert.deepEqual(
      logged.map(({ event }) => event),
      ['logs-scrubbed'],
    )
    assert.ok(world.logged.every(({ event }) => event !== 'partition-offline'))
  })

  it('puts a partition offline that the disk cannot give back, and goes on with the next', async () => {
    const disk = new FaultyDisk(memoryDisk({ maxBytes: DISK_BYTES }))
    await using world = await openWithSealedSegments(disk)
    const { scrub, checked } = scrubber(world, { bytesPerSecond: 1024 * KIB })
    disk.inject({ ...readOf(1), fails: 'io' })

    await scrub.toTheEnd()

    assert.deepEqual(
      logs(world).map(({ state }) => state),
      ['offline', 'online'],
    )
    assert.deepEqual(checked, ['0-0', '1-0', '1-1', '1-2', '1-3'])
  })

  it('tells what else goes wrong, and goes on with the next partition', async () => {
    const disk = new FaultyDisk(memoryDisk({ maxBytes: DISK_BYTES }))
    await using world = await openWithSealedSegments(disk)
    const { scrub, checked, logged } = scrubber(world, { bytesPerSecond: 1024 * KIB })
    disk.inject({ ...readOf(1), fails: 'too-many-files' })

    await scrub.toTheEnd()

    assert.ok(logs(world).every(({ state }) => state === 'online'))
    assert.deepEqual(checked, ['0-0', '1-0', '1-1', '1-2', '1-3'])
    assert.deepEqual(
      logged.map(({ event, fields }) => [event, fields['topic'], fields['partition']]),
      [
        ['scrub-failed', 'a', 0],
        ['logs-scrubbed', undefined, undefined],
      ],
    )
  })

  it('stops within a read when it is told to', async () => {
    await using world = await openWithSealedSegments()
    const { scrub, checked, stop } = scrubber(world, { bytesPerSecond: 1024 * KIB })
    stop.abort()

    await scrub.second()

    assert.deepEqual(checked, [])
  })

  it('rests between two walks, begins soon after a start, and is off at 0 bytes a second', async () => {
    await using world = await openWithSealedSegments()
    const on = scrubber(world, { bytesPerSecond: RECORD_BYTES, intervalMs: 86_400_000 })
    const hasty = scrubber(world, { bytesPerSecond: RECORD_BYTES, intervalMs: 5 })
    const off = scrubber(world, { bytesPerSecond: 0, intervalMs: 86_400_000 })

    assert.equal(on.scrubber.restMs, 60_000)
    assert.equal(hasty.scrubber.restMs, 5)
    await on.scrub.second()
    assert.equal(on.scrubber.restMs, 1000)
    await on.scrub.toTheEnd()
    assert.equal(on.scrubber.restMs, 86_400_000)
    await off.scrub.second()
    assert.deepEqual(off.checked, [])
  })
})

async function openWithSealedSegments(
  disk: Disk = memoryDisk({ maxBytes: DISK_BYTES }),
): Promise<HandlerWorld> {
  const first = await openHandlerWorld({ disk })
  const configs = [
    { name: 'internal.segment.bytes', value: String(RECORD_BYTES + 200) },
    { name: 'file.delete.delay.ms', value: '0' },
  ]
  await first.catalog.createTopics([
    { name: 'a', partitions: 2, replicationFactor: 1, assignments: [], configs },
  ])
  const values = Array.from({ length: RECORDS }, () => 'x'.repeat(RECORD_BYTES))
  for (const partition of [0, 1]) await first.produce('a', partition, values)
  await first[Symbol.asyncDispose]()
  // What was there before a start is synced.
  return await openHandlerWorld({ disk })
}

function readOf(baseOffset: number): Pick<FaultRule, 'on' | 'path'> {
  return { on: 'read', path: new RegExp(segmentPath('topics/a-0', baseOffset, 'log')) }
}

function logs(world: HandlerWorld): PartitionLog[] {
  return [...world.partitions.all()]
}

function scrubber(
  world: HandlerWorld,
  { bytesPerSecond, intervalMs = 3_600_000 }: { bytesPerSecond: number; intervalMs?: number },
) {
  const logged: { event: string; fields: LogFields }[] = []
  const note = (event: string, fields: LogFields = {}) => void logged.push({ event, fields })
  const stop = new AbortController()
  /** Partition and base offset of each segment of which a stretch was found good. */
  const checked: string[] = []
  const scrubber = new LogScrubber({
    timers: { after: () => ({ cancel: () => undefined }), yield: () => Promise.resolve() },
    config: {
      millraceScrubBytesPerSecond: bytesPerSecond,
      millraceScrubIntervalMs: intervalMs,
    },
    log: { info: note, warn: note, error: note },
    partitions: {
      *all() {
        for (const log of world.partitions.all()) yield noting(log, checked)
      },
    },
  })
  const second = () => scrubber.run(stop.signal)
  const toTheEnd = async () => {
    for (let i = 0; i < SECONDS_TO_THE_END; i++) {
      await second()
      if (scrubber.restMs === intervalMs) return
    }
    assert.fail('gets to no end')
  }
  return { scrubber, scrub: { second, toTheEnd }, checked, logged, stop }
}

function noting(log: PartitionLog, checked: string[]): PartitionLog {
  return new Proxy(log, {
    get(target, name) {
      if (name !== 'scrub') {
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      }
      return async (request: Parameters<PartitionLog['scrub']>[0]) => {
        const step = await target.scrub(request)
        if (step !== undefined && step.checkedBytes > 0) {
          checked.push(`${target.partition}-${step.next.segment.baseOffset}`)
        }
        return step
      }
    },
  })
}

async function flip(disk: Disk, path: string, at: number): Promise<void> {
  const file = await disk.open(path)
  const byte = Buffer.alloc(1)
  await file.read(byte, at)
  byte[0]! ^= 0x10
  await file.write([byte], at)
  await file.close()
}
