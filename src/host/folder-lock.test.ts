import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { isDiskError } from '../../test/contracts/disk.ts'
import { FolderInUseError, lockFolder } from './folder-lock.ts'

let root = ''
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'millrace-lock-'))
})
after(() => rm(root, { recursive: true, force: true }))

/** Another process that takes the folder, says so, and keeps it until it is ended. */
async function holder(folder: string) {
  const script = `
    import { lockFolder } from ${JSON.stringify(import.meta.resolve('./folder-lock.ts'))}
    await lockFolder(${JSON.stringify(folder)})
    process.stdout.write('locked')
    setInterval(() => undefined, 1000)
  `
  const child = spawn(process.execPath, ['--input-type=module', '-e', script])
  let errors = ''
  child.stderr.on('data', (chunk) => {
    errors += chunk
  })
  const [said] = await once(child.stdout, 'data')
  assert.equal(String(said), 'locked')
  return { child, pid: child.pid, errors: () => errors }
}

describe('the lock of a data folder', () => {
  it('makes the folder, and can be taken again once it is released', async () => {
    const folder = join(root, 'new', 'folder')

    const first = await lockFolder(folder)
    await first.release()
    const second = await lockFolder(folder)
    await second.release()

    assert.deepEqual(await readdir(folder), ['lock'])
  })

  it('refuses a second process with the id of the first, and prints no warnings', async () => {
    const folder = join(root, 'two')
    const { child, pid, errors } = await holder(folder)

    await assert.rejects(lockFolder(folder), (error) => {
      return error instanceof FolderInUseError && error.pid === pid && error.folder === folder
    })

    child.kill('SIGKILL')
    await once(child, 'close')
    assert.equal(errors(), '')
  })

  it('is free as soon as its holder was killed, whatever the holder left behind', async () => {
    const folder = join(root, 'killed')
    const { child } = await holder(folder)

    child.kill('SIGKILL')
    await once(child, 'exit')

    const lock = await lockFolder(folder)
    await lock.release()
  })

  it('refuses a second broker in the same process', async () => {
    const folder = join(root, 'same')
    const lock = await lockFolder(folder)

    await assert.rejects(lockFolder(folder), (error) => {
      return error instanceof FolderInUseError && error.pid === process.pid
    })

    await lock.release()
  })

  it('does not need to know who holds it', async () => {
    const folder = join(root, 'unknown')
    const lock = await lockFolder(folder)
    await writeFile(join(folder, 'lock.pid'), 'nonsense')

    await assert.rejects(lockFolder(folder), (error) => {
      return error instanceof FolderInUseError && error.pid === undefined
    })

    await lock.release()
  })

  it('says what is wrong with a folder that cannot be made', async () => {
    const file = join(root, 'file')
    await writeFile(file, '')

    await assert.rejects(lockFolder(join(file, 'below')), (error) => {
      return isDiskError(error, 'not-found')
    })
  })
})
