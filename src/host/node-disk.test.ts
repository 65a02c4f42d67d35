import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { diskContract, rejectsWith } from '../../test/contracts/disk.ts'
import { nodeDisk, toDiskError, withoutFirstBytes } from './node-disk.ts'

const folders: string[] = []

async function freshFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-disk-'))
  folders.push(folder)
  return folder
}

after(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
})

describe('the real disk', () => {
  diskContract(async () => nodeDisk(await freshFolder()))

  it('makes its own folder', async () => {
    const disk = nodeDisk(join(await freshFolder(), 'not', 'yet'))

    await disk.makeFolder('')
    await disk.replaceFile('a', 'A')

    assert.deepEqual(await disk.list('.'), ['a'])
  })

  it('refuses a path that would leave its folder', async () => {
    const disk = nodeDisk(await freshFolder())

    await assert.rejects(disk.open('../a', { create: true }), /leaves the data folder/)
    await assert.rejects(disk.remove('a/../../b'), /leaves the data folder/)
  })

  if (existsSync('/dev/full')) {
    it('says no-space when the disk is full', async () => {
      const file = await nodeDisk('/dev').open('full')

      await rejectsWith('no-space', file.write([Buffer.from('a'), Buffer.from('b')], 0))
      await rejectsWith('no-space', file.write([Buffer.from('a')], 0))
      await file.close()
    })
  }

  it('tells the failures apart that the log treats differently', () => {
    const codeOf = (errno: string) =>
      toDiskError('a', Object.assign(new Error(errno), { code: errno })).code

    assert.deepEqual(['ENOSPC', 'EDQUOT', 'EFBIG'].map(codeOf), Array(3).fill('no-space'))
    assert.deepEqual(['EIO', 'EROFS', 'EBADF', 'EWHAT'].map(codeOf), Array(4).fill('io'))
    assert.deepEqual(['EACCES', 'EPERM'].map(codeOf), Array(2).fill('permission'))
    assert.deepEqual(['EMFILE', 'ENFILE'].map(codeOf), Array(2).fill('too-many-files'))
    assert.deepEqual(['ENOENT', 'ENOTDIR'].map(codeOf), Array(2).fill('not-found'))
  })
})

describe('what a short write leaves', () => {
  const rest = (count: number) =>
    withoutFirstBytes(
      ['ab', '', 'cde', 'f'].map((text) => Buffer.from(text)),
      count,
    ).map((buffer) => buffer.toString())

  it('begins in the middle of a buffer, or with the next one', () => {
    assert.deepEqual(rest(0), ['ab', '', 'cde', 'f'])
    assert.deepEqual(rest(1), ['b', '', 'cde', 'f'])
    assert.deepEqual(rest(2), ['cde', 'f'])
    assert.deepEqual(rest(4), ['e', 'f'])
    assert.deepEqual(rest(6), [])
  })
})
