// What every disk must do, real, in memory or simulated: the part of the port's contract that can
// be seen without cutting the power.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type Disk, DiskError, type DiskErrorCode } from '../../src/host/disk.ts'

/** @param makeDisk gives a fresh, empty disk */
export function diskContract(makeDisk: () => Promise<Disk>): void {
  it('a file keeps what is written anywhere in it, and says how long it is', async () => {
    const disk = await makeDisk()
    const file = await disk.open('a', { create: true })

    await file.write([Buffer.from('hello '), Buffer.alloc(0), Buffer.from('world')], 0)
    file.writeSync([Buffer.from('W')], 6)

    const target = Buffer.alloc(20)
    assert.equal(await file.size(), 11)
    assert.equal(await file.read(target, 0), 11)
    assert.equal(target.toString('latin1', 0, 11), 'hello World')
    assert.equal(file.readSync(target.subarray(0, 5), 6), 5)
    assert.equal(target.toString('latin1', 0, 5), 'World')
    await file.close()
  })

  it('a read at or past the end gives no bytes', async () => {
    const disk = await makeDisk()
    const file = await disk.open('a', { create: true })
    await file.write([Buffer.from('abc')], 0)

    assert.equal(await file.read(Buffer.alloc(4), 3), 0)
    assert.equal(file.readSync(Buffer.alloc(4), 99), 0)
    await file.close()
  })

  it('a write of thousands of buffers arrives whole', async () => {
    const disk = await makeDisk()
    const file = await disk.open('a', { create: true })
    const buffers = Array.from({ length: 2500 }, (_, index) => Buffer.from(`${index};`))
    const whole = Buffer.concat(buffers)

    await file.write(buffers, 0)
    file.writeSync(buffers, whole.length)

    const target = Buffer.alloc(2 * whole.length)
    assert.equal(await file.read(target, 0), target.length)
    assert.ok(target.equals(Buffer.concat([whole, whole])))
    await file.close()
  })

  it('a write of megabytes arrives whole and can be read at any place', async () => {
    const disk = await makeDisk()
    const file = await disk.open('a', { create: true })
    const bytes = Buffer.alloc(3_000_000)
    for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32BE(at, at)

    await file.write([bytes], 0)
    await file.write([Buffer.from('middle')], 1_048_573)

    bytes.write('middle', 1_048_573)
    const target = Buffer.alloc(2_000_000)
    assert.equal(await file.read(target, 900_000), 2_000_000)
    assert.ok(target.equals(bytes.subarray(900_000, 2_900_000)))
    await file.close()
  })

  it('a write past the end leaves zeros between', async () => {
    const disk = await makeDisk()
    const file = await disk.open('a', { create: true })

    await file.write([Buffer.from('x')], 2_000_000)
    await file.write([Buffer.from('y')], 0)

    const target = Buffer.alloc(2_000_001, 0xff)
    assert.equal(await file.read(target, 0), 2_000_001)
    assert.equal(target[0], 0x79)
    assert.ok(target.subarray(1, 2_000_000).equals(Buffer.alloc(1_999_999)))
    await file.close()
  })

  it('a file that is cut and grows again shows zeros where it was cut', async () => {
    const disk = await makeDisk()
    const file = await disk.open('a', { create: true })
    await file.write([Buffer.alloc(300, 0xaa)], 0)

    await file.truncate(100)
    assert.equal(await file.size(), 100)
    await file.truncate(200)

    const target = Buffer.alloc(300)
    assert.equal(await file.read(target, 0), 200)
    assert.ok(target.subarray(0, 100).equals(Buffer.alloc(100, 0xaa)))
    assert.ok(target.subarray(100, 200).equals(Buffer.alloc(100)))
    await file.close()
  })

  it('preallocating moves the end, keeps the content, and never shortens', async () => {
    const disk = await makeDisk()
    const file = await disk.open('a', { create: true })
    await file.write([Buffer.from('abc')], 0)

    await file.preallocate(1_500_000)
    await file.preallocate(10)

    const target = Buffer.alloc(1_500_001, 0xff)
    assert.equal(await file.size(), 1_500_000)
    assert.equal(await file.read(target, 0), 1_500_000)
    assert.equal(target.toString('latin1', 0, 3), 'abc')
    assert.ok(target.subarray(3, 1_500_000).equals(Buffer.alloc(1_499_997)))
    await file.close()
  })

  it('what was written is there when the file is opened again, synced or not', async () => {
    const disk = await makeDisk()
    const file = await disk.open('a', { create: true })
    await file.write([Buffer.from('abc')], 0)
    await file.sync()
    await file.write([Buffer.from('def')], 3)
    await file.close()

    const again = await disk.open('a', { readOnly: true })
    assert.equal(await again.size(), 6)
    await again.close()
    assert.equal((await disk.readFile('a'))?.toString('latin1'), 'abcdef')
  })

  it('a file opened for reading only takes no writes', async () => {
    const disk = await makeDisk()
    await (await disk.open('a', { create: true })).close()
    const file = await disk.open('a', { readOnly: true })

    await rejectsWith('io', file.write([Buffer.from('x')], 0))
    assert.throws(
      () => file.writeSync([Buffer.from('x')], 0),
      (error) => isDiskError(error, 'io'),
    )
    await file.close()
  })

  it('what is missing is undefined, an empty list, or not-found', async () => {
    const disk = await makeDisk()

    assert.equal(await disk.stat('none'), undefined)
    assert.equal(await disk.readFile('none'), undefined)
    assert.deepEqual(await disk.list('none'), [])
    await disk.remove('none')
    await disk.remove('none/deeper')
    await rejectsWith('not-found', disk.open('none'))
    await rejectsWith('not-found', disk.open('none/file', { create: true }))
    await rejectsWith('not-found', disk.rename('none', 'other'))
    await rejectsWith('not-found', disk.syncFolder('none'))
  })

  it('folders are made with their parents, listed, renamed and removed as a whole', async () => {
    const disk = await makeDisk()

    await disk.makeFolder('topics/a-0')
    await disk.makeFolder('topics/a-0')
    await (await disk.open('topics/a-0/x.log', { create: true })).close()
    await (await disk.open('topics/a-0/y.log', { create: true })).close()
    await disk.rename('topics/a-0', 'topics/a-0-delete')
    await disk.syncFolder('topics')

    assert.deepEqual(await disk.list('topics'), ['a-0-delete'])
    assert.deepEqual((await disk.list('topics/a-0-delete')).sort(), ['x.log', 'y.log'])
    assert.equal((await disk.stat('topics'))?.isFolder, true)
    assert.equal((await disk.stat('topics/a-0-delete/x.log'))?.isFolder, false)
    await disk.remove('topics/a-0-delete')
    assert.deepEqual(await disk.list('topics'), [])
  })

  it('a file is replaced in one step, and leaves no temporary file', async () => {
    const disk = await makeDisk()
    await disk.makeFolder('f')

    await disk.replaceFile('f/a', 'a first content')
    await disk.replaceFile('f/a', Buffer.from('second'))

    assert.equal((await disk.readFile('f/a'))?.toString(), 'second')
    assert.deepEqual(await disk.list('f'), ['a'])
  })

  it('a rename takes the place of the file that had the name', async () => {
    const disk = await makeDisk()
    await disk.replaceFile('a', 'A')
    await disk.replaceFile('b', 'B')

    await disk.rename('a', 'b')

    assert.equal((await disk.readFile('b'))?.toString(), 'A')
    assert.equal(await disk.stat('a'), undefined)
  })

  it('an open file stays readable and writable after it was renamed and removed', async () => {
    const disk = await makeDisk()
    const file = await disk.open('a', { create: true })
    await file.write([Buffer.from('abc')], 0)

    await disk.rename('a', 'b')
    await file.write([Buffer.from('def')], 3)
    assert.equal((await disk.readFile('b'))?.toString(), 'abcdef')
    await disk.remove('b')

    const target = Buffer.alloc(6)
    assert.equal(await file.read(target, 0), 6)
    await file.write([Buffer.from('x')], 0)
    await file.close()
    assert.deepEqual(await disk.list(''), [])
  })
}

export async function rejectsWith(code: DiskErrorCode, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => isDiskError(error, code))
}

export function isDiskError(error: unknown, code: DiskErrorCode): boolean {
  return error instanceof DiskError && error.code === code
}
