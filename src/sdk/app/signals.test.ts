import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { it } from 'node:test'

const program = join(import.meta.dirname, '../../../test/support/hanging-app.ts')

it('rule 22: the first signal drains, and a second one ends the process at once', async (t) => {
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ended = once(child, 'exit')

  assert.equal((await lines.next()).value, 'hangs')
  child.kill('SIGTERM')
  assert.equal((await lines.next()).value, 'closing')
  child.kill('SIGTERM')

  assert.deepEqual(await ended, [null, 'SIGTERM'])
})
