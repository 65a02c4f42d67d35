// One contract for the disks of this room: real files and memory.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { type Disk, DiskError } from './disk.ts'
import { memoryDisk } from './memory-disk.ts'
import { nodeDisk } from './node-disk.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-disk-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const disks: Record<string, () => Disk> = {
  'node-disk': () => nodeDisk(mkdtempSync(join(folder, 'disk-'))),
  'memory-disk': () => memoryDisk({ maxBytes: 64 * 1024 * 1024 }),
}

for (const [name, makeDisk] of Object.entries(disks)) {
  describe(name, () => {
    it('what is written in several buffers is read back as one run of bytes', async () => {
      const disk = makeDisk()
      const file = await disk.open('a.log', { create: true })
      await file.write([Buffer.from('hello '), Buffer.from('world')], 0)
      file.writeSync([Buffer.from('!!')], 11)
      await file.sync()

      const target = Buffer.alloc(20)
      assert.equal(await file.read(target, 0), 13)
      assert.equal(target.toString('utf8', 0, 13), 'hello world!!')
      assert.equal(file.readSync(target.subarray(0, 5), 6), 5)
      assert.equal(target.toString('utf8', 0, 5), 'world')
      assert.equal(await file.read(target, 13), 0)
      await file.close()
    })

    it('more buffers than one gathering write takes are all written', async () => {
      const disk = makeDisk()
      const file = await disk.open('many', { create: true })
      const buffers = Array.from({ length: 2500 }, (_, index) => Buffer.from([index % 256, 1, 2]))

      await file.write(buffers, 0)

      assert.deepEqual(await disk.readFile('many'), Buffer.concat(buffers))
      await file.close()
    })

    it('truncate cuts, and what was cut is zero when the file grows over it again', async () => {
      const disk = makeDisk()
      const file = await disk.open('t', { create: true })
      await file.write([Buffer.from('abcdef')], 0)

      await file.truncate(2)
      await file.write([Buffer.from('z')], 4)

      assert.deepEqual(await disk.readFile('t'), Buffer.from('ab\0\0z'))
      assert.equal(await file.size(), 5)
      await file.close()
    })

    it('preallocate makes the file that large and keeps what is in it', async () => {
      const disk = makeDisk()
      const file = await disk.open('p', { create: true })
      await file.write([Buffer.from('xy')], 0)

      await file.preallocate(3_000_000)

      assert.equal(await file.size(), 3_000_000)
      assert.equal((await disk.readFile('p'))!.toString('utf8', 0, 2), 'xy')
      await file.close()
    })

    it('folders are made with their parents, listed, renamed and removed', async () => {
      const disk = makeDisk()
      await disk.makeFolder('topics/a-0')
      const file = await disk.open('topics/a-0/0.log', { create: true })
      await file.close()

      await disk.rename('topics/a-0', 'topics/a-0.x-delete')
      await disk.syncFolder('topics')

      assert.deepEqual(await disk.list('topics'), ['a-0.x-delete'])
      assert.deepEqual(await disk.list('topics/a-0.x-delete'), ['0.log'])
      assert.equal((await disk.stat('topics/a-0.x-delete'))!.isFolder, true)
      await disk.remove('topics/a-0.x-delete')
      assert.deepEqual(await disk.list('topics'), [])
      await disk.remove('topics/a-0.x-delete')
    })

    it('replaceFile makes and replaces the whole content', async () => {
      const disk = makeDisk()

      await disk.replaceFile('checkpoint', 'first and longer')
      await disk.replaceFile('checkpoint', 'second')

      assert.equal((await disk.readFile('checkpoint'))!.toString(), 'second')
      assert.deepEqual(await disk.list(''), ['checkpoint'])
    })

    it('what is missing is not found when opened, and undefined or empty when asked for', async () => {
      const disk = makeDisk()

      await assert.rejects(disk.open('none'), (error) => {
        return error instanceof DiskError && error.code === 'not-found' && error.path === 'none'
      })
      assert.equal(await disk.stat('none'), undefined)
      assert.equal(await disk.readFile('none'), undefined)
      assert.deepEqual(await disk.list('none'), [])
    })
  })
}

describe('memory-disk', () => {
  it('a write beyond the bound meets no-space, and removing a file makes room again', async () => {
    const disk = memoryDisk({ maxBytes: 1000 })
    const first = await disk.open('first', { create: true })
    await first.write([Buffer.alloc(900)], 0)
    const second = await disk.open('second', { create: true })

    await assert.rejects(second.write([Buffer.alloc(200)], 0), { code: 'no-space' })

    await disk.remove('first')
    await second.write([Buffer.alloc(200)], 0)
    assert.equal(await second.size(), 200)
  })
})
