import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Disk } from '../../src/host/disk.ts'
import { diskContract, rejectsWith } from '../contracts/disk.ts'
import { SeededRandom } from './seeded-random.ts'
import { SECTOR_BYTES, SimContent } from './sim-content.ts'
import { type DiskFaults, SimDisk } from './sim-disk.ts'
import { SimStorage } from './sim-storage.ts'
import { PowerCut, SimWorld } from './sim-world.ts'

const SEEDS = Array.from({ length: 200 }, (_, seed) => seed)

/** A disk in a world of its own, in which time passes while `run` waits. */
function simulated({ seed = 1, storage = new SimStorage(), ...faults }: Setup = {}) {
  const world = new SimWorld({ seed })
  const disk = new SimDisk(world, storage, faults)
  return {
    world,
    storage,
    disk,
    run: <T>(work: (disk: Disk) => Promise<T>) => world.run(work(disk)),
  }
}

interface Setup extends DiskFaults {
  readonly seed?: number
  readonly storage?: SimStorage
}

/** The same object, with time passing in each call that returns a promise. */
function driven<Target extends object>(world: SimWorld, target: Target): Target {
  return new Proxy(target, {
    get(object, name) {
      const member: unknown = Reflect.get(object, name, object)
      if (typeof member !== 'function') return member
      return (...args: unknown[]) => {
        const result: unknown = member.apply(object, args)
        if (!(result instanceof Promise)) return result
        return world
          .run(result)
          .then((value) => (name === 'open' ? driven(world, value as object) : value))
      }
    },
  })
}

/** What a file holds after the power was cut and came back. */
function afterCrash(storage: SimStorage, seed: number, path = 'a'): string | undefined {
  storage.crash(new SeededRandom(seed))
  const node = storage.find(path)
  if (node?.kind !== 'file') return undefined
  const bytes = Buffer.alloc(node.size)
  node.read(bytes, 0)
  return bytes.toString('latin1')
}

/** One letter per sector, which must hold nothing else. */
function sectorsOf(content: SimContent): string {
  const bytes = Buffer.alloc(content.size)
  content.read(bytes, 0)
  const sectors = bytes.toString('latin1').match(/.{512}/gs) ?? []
  for (const sector of sectors) assert.ok(sector === sector[0]!.repeat(SECTOR_BYTES))
  return sectors.map((sector) => sector[0]).join('')
}

describe('the simulated disk, while the power is on', () => {
  diskContract(async () => {
    const { world, disk } = simulated()
    return driven(world, disk)
  })
})

describe('a power cut', () => {
  it('keeps what was synced, in a file whose name was', async () => {
    for (const seed of SEEDS) {
      const { storage, run } = simulated({ seed })
      await run(async (disk) => {
        const file = await disk.open('a', { create: true })
        await file.write([Buffer.from('synced')], 0)
        await file.sync()
        await disk.syncFolder('')
      })

      assert.equal(afterCrash(storage, seed), 'synced')
    }
  })

  it('may lose a file whose folder was not synced, and one way or the other does', async () => {
    const seen = new Set<string | undefined>()
    for (const seed of SEEDS) {
      const { storage, run } = simulated({ seed })
      await run(async (disk) => {
        const file = await disk.open('a', { create: true })
        await file.write([Buffer.from('synced')], 0)
        await file.sync()
      })
      seen.add(afterCrash(storage, seed))
    }

    assert.deepEqual(seen, new Set(['synced', undefined]))
  })

  it('loses, tears and reorders unsynced writes, at sectors only, and invents nothing', () => {
    const done = { lost: 0, torn: 0, reordered: 0 }
    const patterns = new Set<string>()
    for (let seed = 0; seed < 3000; seed++) {
      const content = new SimContent()
      content.write(Buffer.alloc(3 * SECTOR_BYTES, 'a'), 0)
      content.syncUpTo(content.lastOperation)
      content.write(Buffer.alloc(2 * SECTOR_BYTES, 'b'), 0)
      content.write(Buffer.alloc(2 * SECTOR_BYTES, 'c'), SECTOR_BYTES)

      const { lost, torn, reordered } = content.crash(new SeededRandom(seed))

      patterns.add(sectorsOf(content))
      done.lost += lost
      done.torn += torn
      done.reordered += reordered
    }

    // The first sector was written once, the second twice, the third once: each on its own.
    const legal = ['a', 'b'].flatMap((first) =>
      ['a', 'b', 'c'].flatMap((second) => ['a', 'c'].map((third) => first + second + third)),
    )
    assert.deepEqual([...patterns].sort(), legal.sort())
    assert.ok(done.lost > 0 && done.torn > 0 && done.reordered > 0)
  })

  it('leaves zeros where a page before a later one never arrived', () => {
    const seen = new Set<string>()
    for (const seed of SEEDS) {
      const content = new SimContent()
      content.write(Buffer.alloc(SECTOR_BYTES, 'x'), 0)
      content.write(Buffer.alloc(SECTOR_BYTES, 'y'), SECTOR_BYTES)
      content.crash(new SeededRandom(seed))
      seen.add(sectorsOf(content))
    }

    assert.deepEqual(seen, new Set(['', 'x', '\0y', 'xy']))
  })

  it('shows nothing that was written behind a truncation that is lost', () => {
    const seen = new Set<string>()
    for (const seed of SEEDS) {
      const content = new SimContent()
      content.write(Buffer.alloc(4 * SECTOR_BYTES, 'o'), 0)
      content.syncUpTo(content.lastOperation)
      content.resize(SECTOR_BYTES)
      content.write(Buffer.alloc(SECTOR_BYTES, 'n'), SECTOR_BYTES)
      content.crash(new SeededRandom(seed))
      seen.add(sectorsOf(content))
    }

    assert.deepEqual(seen, new Set(['oooo', 'o', 'on']))
  })

  it('a rename happens as a whole or not at all', async () => {
    const seen = new Set<string>()
    for (const seed of SEEDS) {
      const { storage, run } = simulated({ seed })
      await run(async (disk) => {
        await disk.replaceFile('a', 'old')
        await disk.replaceFile('b', 'new')
        await disk.rename('b', 'a')
      })
      const a = afterCrash(storage, seed)
      seen.add(`${a} ${storage.find('b') === undefined}`)
    }

    assert.deepEqual(seen, new Set(['old false', 'new true']))
  })

  it('a replaced file is the old one or the new one, whole, wherever the power goes', async () => {
    const seen = new Set<string>()
    for (const action of ['write', 'sync'] as const) {
      for (let index = 0; index < 20; index++) {
        const { storage, run } = simulated({ seed: index, cutAt: { action, index } })
        const outcome = await run(async (disk) => {
          await disk.replaceFile('a', 'old')
          await disk.replaceFile('a', 'new')
        })
        if (outcome === 'cut') seen.add(afterCrash(storage, index) ?? 'none')
      }
    }

    assert.deepEqual([...seen].sort(), ['new', 'none', 'old'])
  })
})

describe('the operation at which the power goes', () => {
  it('and all that follow never answer', async () => {
    const { run, disk, world } = simulated({ cutAt: { action: 'write', index: 1 } })
    let reached = 0

    const outcome = await run(async () => {
      const file = await disk.open('a', { create: true })
      reached = 1
      await file.write([Buffer.from('x')], 0)
      reached = 2
    })

    assert.equal(outcome, 'cut')
    assert.equal(reached, 1)
    assert.equal(world.isCut, true)
  })

  it('stops synchronous code with an error, and nothing that it goes on to write arrives', async () => {
    const { storage, run } = simulated({ cutAt: { action: 'write', index: 2 } })

    await run(async (disk) => {
      const file = await disk.open('a', { create: true })
      await disk.syncFolder('')
      file.writeSync([Buffer.from('first')], 0)
      await file.sync()
      assert.throws(() => file.writeSync([Buffer.from('second')], 5), PowerCut)
      assert.throws(() => file.writeSync([Buffer.from('third')], 11), PowerCut)
    })

    assert.match(afterCrash(storage, 1)!, /^first(second)?$/)
  })
})

describe('planned errors', () => {
  it('hit the operation that they are planned for, among the paths that they name', async () => {
    const errors = [
      { on: 'write', index: 1, code: 'io', path: 'b' },
      { on: 'read', index: 0, code: 'io', path: 'data' },
    ] as const
    const { run, disk } = simulated({ errors })

    await run(async () => {
      const data = await disk.open('data', { create: true })
      await data.write([Buffer.from('x')], 0)
      await rejectsWith('io', data.read(Buffer.alloc(1), 0))
      assert.equal(await data.read(Buffer.alloc(1), 0), 1)
      const b = await disk.open('b', { create: true })
      await rejectsWith('io', b.write([Buffer.from('x')], 0))
      assert.equal(await b.size(), 0)
    })

    assert.equal(disk.counts['io on write'], 1)
    assert.equal(disk.counts['io on read'], 1)
  })

  it('a failed sync loses what it should have kept, and a second one does not bring it back', async () => {
    for (const seed of SEEDS.slice(0, 20)) {
      const errors = [{ on: 'sync', index: 1, code: 'io' }] as const
      const { storage, run } = simulated({ seed, errors })
      await run(async (disk) => {
        const file = await disk.open('a', { create: true })
        await disk.syncFolder('')
        await file.write([Buffer.from('lost')], 0)
        await rejectsWith('io', file.sync())
        await file.sync()
        const target = Buffer.alloc(4)
        await file.read(target, 0)
        assert.equal(target.toString(), 'lost')
      })

      assert.equal(afterCrash(storage, seed), '')
    }
  })

  it('a full disk takes the first part of a write at most, and more once there is space', async () => {
    for (const seed of SEEDS.slice(0, 20)) {
      const { storage, run, disk } = simulated({ seed })
      storage.capacityBytes = 10
      await run(async () => {
        const file = await disk.open('a', { create: true })
        await file.write([Buffer.from('12345678')], 0)

        await rejectsWith('no-space', file.write([Buffer.from('abcd')], 8))

        assert.ok((await file.size()) <= 10)
        await file.write([Buffer.from('X')], 0)
        storage.capacityBytes = 12
        await file.write([Buffer.from('abcd')], 8)
        assert.equal(await file.size(), 12)
      })
      assert.equal(disk.counts['no space'], 1)
    }
  })
})

describe('planted faults of the disk', () => {
  it('a sync that does nothing loses data, a folder sync that does nothing loses names', async () => {
    const seen = new Set<string | undefined>()
    const seenNames = new Set<string | undefined>()
    for (const seed of SEEDS) {
      const write = async (disk: Disk) => {
        const file = await disk.open('a', { create: true })
        await disk.syncFolder('')
        await file.write([Buffer.from('synced')], 0)
        await file.sync()
      }
      const noSync = simulated({ seed, syncDoesNothing: true })
      await noSync.run(write)
      seen.add(afterCrash(noSync.storage, seed))
      const noFolderSync = simulated({ seed, folderSyncDoesNothing: true })
      await noFolderSync.run(write)
      seenNames.add(afterCrash(noFolderSync.storage, seed))
    }

    assert.deepEqual(seen, new Set(['', 'synced']))
    assert.deepEqual(seenNames, new Set(['synced', undefined]))
  })
})
