import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, it } from 'node:test'
import { type RunOptions, type RunResult, runCommand } from '../../test/cli/memory-terminal.ts'

const MAIN = join(import.meta.dirname, 'main.ts')
const ANY_PORT = ['--listen', '127.0.0.1:0']

interface Ready {
  readonly event: string
  readonly kafka: string
  readonly ms: number
  readonly pid: number
  readonly start: { readonly kind: string; readonly topics: number; readonly records: number }
}

describe('a served broker', () => {
  it('says on its first line of JSON that it is ready, and where, and that it stops', async () => {
    await using folder = await temporaryFolder()

    const { exitCode, stdout, stderr } = await serve(['start', '--data', folder.path, ...ANY_PORT])

    assert.equal(exitCode, 0)
    assert.equal(stderr, '')
    const [ready, ...others] = stdout.trimEnd().split('\n').map(parse)
    assert.match(stdout, /^\{"event":"ready","kafka":"127\.0\.0\.1:\d+","ms":\d+,/)
    assert.equal(ready?.['data'], folder.path)
    assert.deepEqual(
      others.map((entry) => entry['event']),
      ['stopping', 'stopped'],
    )
  })

  it('shows a person a screen instead, and ends with 130 after Ctrl-C', async () => {
    await using folder = await temporaryFolder()
    const args = ['dev', '--data', folder.path, ...ANY_PORT]

    const { exitCode, stdout, stderr } = await serve(args, { isTty: true, signal: 'SIGINT' })

    assert.equal(exitCode, 130)
    assert.match(
      stdout,
      /^ {2}millrace \d+\.\d+\.\d+ {2}ready in \d+ m?s\n {2}Kafka {6}127\.0\.0\.1:\d+/,
    )
    assert.match(stderr, /^Stopping; once more ends it at once\.\nStopped cleanly in \d+ ms\.\n$/)
  })

  it('is what the command alone means', async () => {
    await using folder = await temporaryFolder()

    const { exitCode, stdout } = await serve(['--data', folder.path, ...ANY_PORT])

    assert.equal(exitCode, 0)
    assert.match(stdout, /^\{"event":"ready"/)
  })

  it('takes what was written from one start to the next, and says how it found it', async () => {
    await using folder = await temporaryFolder()
    const args = ['start', '--data', folder.path, ...ANY_PORT]
    const run = async (env: Record<string, string>) => {
      const { exitCode, stderr } = await runCommand(['produce', 'orders', 'x'], { env })
      assert.equal(exitCode, 0, stderr)
    }

    const first = await serve(args, { meanwhile: ({ kafka }) => run({ MILLRACE_BROKER: kafka }) })
    const second = await serve(args)

    assert.equal(readyOf(first).start.kind, 'new')
    const { kind, topics, records } = readyOf(second).start
    assert.deepEqual({ kind, topics, records }, { kind: 'clean', topics: 1, records: 1 })
  })

  it('moves to the next free port for a person who has not chosen one, and says so', async () => {
    await using folder = await temporaryFolder()
    await using _ = await occupy(9092)

    const { stdout, stderr } = await serve(['dev', '--data', folder.path], { isTty: true })

    assert.match(stdout, /Kafka {6}127\.0\.0\.1:9(09[3-9]|1\d\d)\b/)
    assert.match(stderr, /^warning: Port 9092 is taken: listening on 9\d+\.\n/)
  })

  it('refuses a taken port with 6 where somebody has chosen it', async () => {
    await using folder = await temporaryFolder()
    await using taken = await occupy(0)
    const listen = `127.0.0.1:${taken.port}`

    for (const isTty of [false, true]) {
      const args = ['dev', '--data', folder.path, '--listen', listen]
      const { exitCode, stdout, stderr } = await runCommand(args, { isTty })

      assert.deepEqual({ exitCode, stdout }, { exitCode: 6, stdout: '' })
      assert.match(
        stderr,
        new RegExp(`^error: Port ${taken.port} is taken on 127\\.0\\.0\\.1: [^\\n]+\\n$`),
      )
    }
  })

  it('refuses an address that is not ours', async () => {
    await using folder = await temporaryFolder()

    const args = ['start', '--data', folder.path, '--listen', '192.0.2.1:9092']
    const { exitCode, stderr } = await runCommand(args)

    assert.equal(exitCode, 1)
    assert.match(stderr, /^error: 192\.0\.2\.1 is no address of this machine: [^\n]+\n$/)
  })

  it('warns of a listener that other machines can reach', async () => {
    await using folder = await temporaryFolder()
    const args = ['start', '--data', folder.path, '--listen', '0.0.0.0:0']

    const forMachines = await serve(args)
    const forPeople = await serve(args, { isTty: true })

    assert.match(
      forMachines.stdout,
      /"event":"no-access-control".*"level":"warn".*asks nobody who they are/,
    )
    assert.match(forPeople.stderr, /^warning: 0\.0\.0\.0:0 can be reached from other machines/)
  })

  it('takes settings from flags, then the environment, then a file', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'server.properties')
    await writeFile(file, `log.dirs=${folder.path}/from-file\nlisteners=PLAINTEXT://127.0.0.1:1\n`)
    const env = { MILLRACE_LISTEN: '127.0.0.1:0', MILLRACE_DATA: join(folder.path, 'from-env') }

    const byFile = await serve(['start', '--config', file, ...ANY_PORT])
    const byEnvironment = await serve(['start', '--config', file], { env })
    const byFlag = await serve(['start', '--data', join(folder.path, 'from-flag')], { env })

    assert.match(byFile.stdout, /"data":"[^"]+\/from-file"/)
    assert.match(byEnvironment.stdout, /"data":"[^"]+\/from-env"/)
    assert.match(byFlag.stdout, /"data":"[^"]+\/from-flag"/)
  })

  it('refuses settings that can not be, and says where they stand', async () => {
    const refuse = async (args: readonly string[], env: Record<string, string> = {}) => {
      const { exitCode, stdout, stderr } = await runCommand(['start', ...args], { env })
      assert.equal(stdout, '')
      assert.match(stderr, /^error: [^\n]+\n$/)
      return { exitCode, stderr }
    }

    assert.equal((await refuse(['--listen', 'nowhere'])).exitCode, 2)
    assert.equal((await refuse(['-c', 'log.retention.ms=soon'])).exitCode, 2)
    assert.equal((await refuse(['--config', '/no/such/file'])).exitCode, 3)
    const unknown = await refuse(['-c', 'log.retention.mss=1'])
    assert.match(unknown.stderr, /Did you mean 'log\.retention\.ms'\?/)
    const variable = await refuse([], { MILLRACE_LOG_RETENTION_MSS: '1' })
    assert.match(variable.stderr, /MILLRACE_LOG_RETENTION_MSS/)
  })

  it('says which of its settings change nothing', async () => {
    await using folder = await temporaryFolder()
    const args = ['start', '--data', folder.path, ...ANY_PORT, '-c', 'num.network.threads=7']

    const { stdout } = await serve(args)

    assert.match(stdout, /"event":"setting-without-effect".*num\.network\.threads/)
  })

  it('refuses a folder of another format version, and touches nothing', async () => {
    await using folder = await temporaryFolder()
    await writeFile(join(folder.path, 'format'), '99\n')

    const { exitCode, stderr } = await runCommand(['start', '--data', folder.path, ...ANY_PORT])

    assert.equal(exitCode, 1)
    assert.match(stderr, /^error: The data folder has format version '99'[^\n]+\n$/)
  })

  it('refuses a path that is no folder', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'file')
    await writeFile(file, '')

    const { exitCode, stderr } = await runCommand([
      'start',
      '--data',
      join(file, 'data'),
      ...ANY_PORT,
    ])

    assert.equal(exitCode, 1)
    assert.match(stderr, /^error: The data folder [^\n]+ can't be used: [^\n]+\n$/)
  })
})

describe('a process that serves', () => {
  it('keeps a second one off its folder, and tells its process id', async () => {
    await using folder = await temporaryFolder()
    await using first = await spawnBroker(['--data', folder.path])

    const { exitCode, stderr } = await runCommand(['start', '--data', folder.path, ...ANY_PORT])

    assert.equal(exitCode, 6)
    assert.match(
      stderr,
      new RegExp(`^error: The data folder .* is in use by process ${first.ready.pid}: `),
    )
  })

  it('drains on SIGTERM and ends with 0', async () => {
    await using folder = await temporaryFolder()
    await using broker = await spawnBroker(['--data', folder.path])

    broker.child.kill('SIGTERM')

    assert.deepEqual(await once(broker.child, 'exit'), [0, null])
  })

  it('recovers after it was killed, and says so', async () => {
    await using folder = await temporaryFolder()
    await using broker = await spawnBroker(['--data', folder.path])
    const env = { MILLRACE_BROKER: broker.ready.kafka }
    assert.equal((await runCommand(['produce', 'orders', 'x'], { env })).exitCode, 0)
    broker.child.kill('SIGKILL')
    await once(broker.child, 'exit')

    const { stdout } = await serve(['start', '--data', folder.path, ...ANY_PORT], { isTty: true })

    assert.match(stdout, /Recovered {2}1 topic, 1 record +after an unclean stop, in /)
  })

  it('without the right to write in its folder says so in one line', async (t) => {
    await using folder = await temporaryFolder()
    const closed = join(folder.path, 'closed')
    await mkdir(closed, { mode: 0o555 })
    // Root may write everywhere: it becomes nobody for this.
    const asNobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
    const child = spawn(
      process.execPath,
      [MAIN, 'start', '--data', join(closed, 'data'), ...ANY_PORT],
      {
        ...asNobody,
        cwd: '/',
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    t.after(() => child.kill('SIGKILL'))
    const stderr = (await child.stderr!.toArray()).join('')

    assert.equal(child.exitCode ?? (await once(child, 'exit'))[0], 1, stderr)
    assert.match(stderr, /^error: This user may not write in the data folder [^\n]+\n$/)
  })
})

interface ServeRun extends RunOptions {
  signal?: 'SIGINT' | 'SIGTERM'
  /** What happens between ready and the signal; off a terminal only. */
  meanwhile?: (ready: Ready) => Promise<void>
}

/** Runs a broker in this process until it is ready, then interrupts it. */
async function serve(args: readonly string[], options: ServeRun = {}): Promise<RunResult> {
  const { signal = 'SIGTERM', meanwhile, ...rest } = options
  const interrupt = new AbortController()
  let isReady = false
  const onOutput = (stdout: string): void => {
    if (isReady) return
    isReady = true
    const ready = meanwhile === undefined ? undefined : meanwhile(readyOf({ stdout }))
    // What is said right after `ready` belongs to the start: the signal comes on a later turn.
    Promise.resolve(ready).finally(() => setImmediate(() => interrupt.abort(signal)))
  }
  return runCommand(args, { ...rest, interrupted: interrupt.signal, onOutput })
}

function readyOf({ stdout }: { stdout: string }): Ready {
  return JSON.parse(stdout.slice(0, stdout.indexOf('\n')))
}

function parse(line: string): Record<string, unknown> {
  return JSON.parse(line)
}

interface BrokerProcess extends AsyncDisposable {
  readonly child: ChildProcess
  readonly ready: Ready
}

async function spawnBroker(args: readonly string[]): Promise<BrokerProcess> {
  const child = spawn(process.execPath, [MAIN, 'start', ...ANY_PORT, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(createInterface({ input: child.stdout! }), 'line')
  return {
    child,
    ready: JSON.parse(String(line)),
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'millrace-serve-'))
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

/** Listens on a port, unless somebody does already: taken is taken. */
async function occupy(port: number): Promise<AsyncDisposable & { port: number }> {
  const server: Server = createServer()
  await new Promise<void>((resolve) => {
    server.once('error', () => resolve())
    server.listen(port, '127.0.0.1', resolve)
  })
  const bound = server.address()
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : port,
    [Symbol.asyncDispose]: async () => {
      if (server.listening) await new Promise((resolve) => server.close(resolve))
    },
  }
}
