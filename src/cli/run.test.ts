import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { runCommand } from '../../test/cli/memory-terminal.ts'
import { verbs } from './verbs.ts'

describe('the command line', () => {
  it('help is on stdout, leads with examples, and ends with 0', async () => {
    for (const args of [['--help'], ['topic', '--help'], ['topic', 'create', '--help']]) {
      const { exitCode, stdout, stderr } = await runCommand(args)

      assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: '' })
      assert.match(stdout, /Usage: millrace/)
    }
    const { stdout } = await runCommand(['topic', 'create', '--help'])
    assert.match(stdout, /^Examples:\n {2}millrace topic create orders /)
  })

  it('every verb explains itself with examples of its own', async () => {
    for (const { path } of verbs) {
      const { exitCode, stdout } = await runCommand([...path.split(' '), '--help'])

      assert.equal(exitCode, 0, path)
      const command = path === 'dev' ? 'millrace' : `millrace ${path}`
      assert(stdout.startsWith(`Examples:\n  ${command}`), `${path}: ${stdout}`)
      assert(stdout.includes(`Usage: millrace ${path} `), path)
    }
  })

  it('what cannot be understood is one line on stderr and ends with 2', async () => {
    const wrong = [
      ['frobnicate'],
      ['topic', 'frobnicate'],
      ['topic', 'ls', '--frobnicate'],
      ['topic', 'create'],
      ['topic', 'create', 'orders', '-p', 'many'],
      ['topic', 'create', 'orders', '-c', 'novalue'],
      ['topic', 'trim', 'orders'],
      ['consume', 'orders', '-o', 'yesterday'],
      ['consume', 'orders', '--follow', '--json'],
      ['consume', 'orders', '-n', '-1'],
      ['produce', 'orders', '-H', 'noname', 'x'],
      ['produce', 'orders', '-z', 'rar', 'x'],
      ['produce', 'orders', '--acks', '2', 'x'],
      ['status', '--broker', 'nowhere'],
      ['status', '--timeout', 'long'],
    ]
    for (const args of wrong) {
      const { exitCode, stdout, stderr } = await runCommand(args)

      assert.deepEqual({ exitCode, stdout }, { exitCode: 2, stdout: '' }, args.join(' '))
      assert.match(stderr, /^error: [^\n]+\n$/, args.join(' '))
    }
  })

  it('a noun alone shows its verbs and ends with 2', async () => {
    const { exitCode, stderr } = await runCommand(['topic'])

    assert.equal(exitCode, 2)
    assert.match(stderr, /\bdescribe\b/)
  })

  it('--version prints the version', async () => {
    const { exitCode, stdout } = await runCommand(['--version'])

    assert.equal(exitCode, 0)
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
  })

  it('colour follows FORCE_COLOR, then NO_COLOR, then the terminal', async () => {
    const label = async (env: Record<string, string>, isTty: boolean): Promise<string> => {
      const { stderr } = await runCommand(['status', '--broker', 'nowhere'], { env, isTty })
      return stderr.slice(0, stderr.indexOf('error:') + 6)
    }
    const red = '\u001b[31merror:'

    assert.equal(await label({}, true), 'error:', 'NO_COLOR is set by the test terminal')
    assert.equal(await label({ NO_COLOR: '' }, true), red)
    assert.equal(await label({ NO_COLOR: '' }, false), 'error:')
    assert.equal(await label({ NO_COLOR: '1', FORCE_COLOR: '1' }, false), red)
    assert.equal(await label({ NO_COLOR: '', FORCE_COLOR: '0' }, true), 'error:')
  })
})

it('a reader that has gone ends it, without a word', async () => {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'main.ts'), '--help', '--json'],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  child.stdout.destroy()

  const stderr = (await child.stderr.toArray()).join('')
  const exitCode = child.exitCode ?? (await once(child, 'exit'))[0]

  assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: '' })
})

describe('a broker that does not answer', () => {
  it('is exit code 5, and the message says where and what to do', async () => {
    await using server = await listen(() => undefined)
    const address = server.address
    await server.close()

    const { exitCode, stderr } = await runCommand(['status', '-b', address])

    assert.equal(exitCode, 5)
    assert.equal(
      stderr,
      `error: No broker answers at ${address} (ECONNREFUSED): start one with \`millrace\`, or name another with --broker HOST:PORT.\n`,
    )
  })

  it('is given up after --timeout', async () => {
    await using server = await listen(() => undefined)

    const { exitCode, stderr } = await runCommand([
      'status',
      '-b',
      server.address,
      '--timeout',
      '50ms',
    ])

    assert.equal(exitCode, 5)
    assert.match(stderr, /no answer in time/)
  })

  it('and speaks something else is said to do so', async () => {
    await using server = await listen((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))

    const { exitCode, stderr } = await runCommand(['status', '-b', server.address])

    assert.equal(exitCode, 5)
    assert.match(stderr, /does not speak Kafka's protocol/)
  })

  it('is left at once when the person interrupts', async () => {
    const interrupt = new AbortController()
    await using server = await listen(() => interrupt.abort('SIGINT'))

    const { exitCode, stdout, stderr } = await runCommand(['status', '-b', server.address], {
      interrupted: interrupt.signal,
    })

    assert.deepEqual({ exitCode, stdout, stderr }, { exitCode: 130, stdout: '', stderr: '' })
  })
})

/** A server that is no broker. */
async function listen(onConnection: (socket: import('node:net').Socket) => void) {
  const sockets = new Set<import('node:net').Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    onConnection(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const bound = server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
  return { address: `127.0.0.1:${port}`, close, [Symbol.asyncDispose]: close }
}
