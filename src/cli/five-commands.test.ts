// docs/security.md, tried: its blocks from an empty folder to a broker that lets alice write and read,
// run by a shell as they stand there, but for the port and for where `npx` finds millrace.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { it, type TestContext } from 'node:test'

const root = resolve(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/security.md'), 'utf8')
const HEADING = '## Securely, from an empty folder, in five commands'
const DOCUMENTED_PORT = '9093'

function blocksOf(heading: string): string[] {
  const section = page.slice(page.indexOf(heading)).split(/^###? /m)[1] ?? ''
  return [...section.matchAll(/```sh\n(.*?)```/gs)].map(([, commands]) => commands!)
}

it('five commands make a broker that keeps everybody out but alice', async (t) => {
  const port = await freePort()
  const [certificate, user, rule, broker, client, trial] = blocksOf(HEADING).map((block) =>
    block.replaceAll(DOCUMENTED_PORT, String(port)),
  )
  const shell = await openShell(t)

  for (const block of [certificate, user, rule]) await shell.run(block!)
  const running = await shell.start(broker!)
  await shell.run(client!)

  assert.match(await shell.run(trial!), /^\d@0\norders\t\d\t0\t\S+\t\\N\t\{"id":1\}\n$/)
  const asAlice = '--command-config alice.properties'
  await shell.mustFail(`npx millrace produce secrets x ${asAlice}`, 4, /authori[sz]/i)
  await shell.mustFail(`npx millrace acl ls ${asAlice}`, 4, /authori[sz]/i)
  await shell.run('sed "s/password=.*/password=\\"guessed\\";/" alice.properties > eve.properties')
  await shell.mustFail('npx millrace topic ls --command-config eve.properties', 4, /./)
  const password = readFileSync(join(shell.folder, 'alice.txt'), 'utf8').trim()
  assert.ok(!running.printed().includes(password))
})

/** Everything happens in a new folder, which is taken away in the end. */
async function openShell(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-five-'))
  t.after(() => rm(folder, { recursive: true }))
  const npx = join(folder, 'npx')
  const main = join(root, 'src/cli/main.ts')
  await writeFile(npx, `#!/bin/sh\nshift\nexec "${process.execPath}" "${main}" "$@"\n`, {
    mode: 0o700,
  })
  const path = [folder, dirname(process.execPath), process.env['PATH']].join(delimiter)
  const env = { ...process.env, PATH: path, MILLRACE_BROKER: '' }
  const bash = (commands: string) => spawn('sh', ['-c', commands], { cwd: folder, env })

  const execute = async (commands: string) => {
    const child = bash(commands)
    const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)]
    const [exitCode] = await once(child, 'close')
    return { exitCode, stdout: stdout(), stderr: stderr() }
  }
  return {
    folder,
    /** @returns what it printed; fails when it fails */
    async run(commands: string): Promise<string> {
      const { exitCode, stdout, stderr } = await execute(`set -e\n${commands}`)
      assert.equal(exitCode, 0, `${commands}: ${stderr}`)
      return stdout
    },
    async mustFail(commands: string, code: number, says: RegExp): Promise<void> {
      const { exitCode, stderr } = await execute(commands)
      assert.equal(exitCode, code, `${commands}: ${stderr}`)
      assert.match(stderr, says)
    },
    /** Resolves when it is ready; it ends with the test. */
    async start(command: string): Promise<{ printed(): string }> {
      const child = bash(`exec ${command.trim()}`)
      t.after(() => stop(child))
      const printed = collect(child.stdout)
      const said = collect(child.stderr)
      await untilReady(child, said)
      return { printed: () => printed() + said() }
    },
  }
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  return () => Buffer.concat(chunks).toString()
}

async function untilReady(child: ChildProcess, said: () => string): Promise<void> {
  const { promise, resolve: ready, reject } = Promise.withResolvers<void>()
  child.once('close', (code) => reject(new Error(`it ended with ${code}: ${said()}`)))
  createInterface({ input: child.stdout! }).on('line', (line) => {
    if (line.includes('"event":"ready"')) ready()
  })
  await promise
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const ended = once(child, 'close')
  child.kill('SIGTERM')
  await ended
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  assert.ok(address !== null && typeof address === 'object')
  return address.port
}
