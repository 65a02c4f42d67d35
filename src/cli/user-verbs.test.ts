// Users from the command, and every verb at a broker that speaks TLS and asks for a login. No secret
// may show anywhere: all that is said and logged here is searched for them at the end.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { type RunOptions, runCommand } from '../../test/cli/memory-terminal.ts'
import { Authority, type Certificate } from '../../test/support/certificates.ts'
import { type Broker, startBroker } from '../broker/broker.ts'
import { formatAddress } from './client/address.ts'

const SECRETS = {
  alice: 'alice-secret-7f3a',
  changed: 'changed-secret-91bc',
  bob: 'bob-secret-5d20',
  jaas: 'jaas-secret-44e1',
  wrong: 'wrong-secret-0b7c',
}

const folder = mkdtempSync(join(tmpdir(), 'millrace-users-'))
const data = join(folder, 'data')
const at = (name: string) => join(folder, name)
/** Everything that was printed, answered or logged. */
const heard: string[] = []
let ca: Authority
let server: Certificate
let alice: Certificate
let broker: Broker

async function run(args: readonly string[], options: RunOptions = {}) {
  const result = await runCommand(args, options)
  heard.push(result.stdout, result.stderr)
  return result
}

async function ok(args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await run(args, options)
  assert.equal(exitCode, 0, stderr)
  return stdout
}

/** A client.properties with a login. */
function loginFile(name: string, mechanism: string, user: string, password: string): string {
  const kind = mechanism === 'PLAIN' ? 'plain.Plain' : 'scram.Scram'
  writeFileSync(
    at(name),
    [
      'security.protocol=SASL_SSL',
      `sasl.mechanism=${mechanism}`,
      `sasl.jaas.config=org.apache.kafka.common.security.${kind}LoginModule required username="${user}" password="${password}";`,
      'ssl.truststore.type=PEM',
      `ssl.truststore.location=${ca.path}`,
      'some.other.key=is left alone',
    ].join('\n'),
  )
  return at(name)
}

const by = (file: string, listener = 1) => [
  '--command-config',
  file,
  '-b',
  formatAddress(broker.addresses[listener]!),
]

before(async () => {
  ca = await Authority.make()
  server = await ca.sign('server', '/CN=broker')
  alice = await ca.sign('client', '/CN=alice')
  writeFileSync(at('alice.txt'), `${SECRETS.alice}\n`)
})

after(async () => {
  await broker?.close()
  await ca[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

describe('millrace user', () => {
  it('makes the first user in a folder before a broker has run in it', async () => {
    const missing = await run(['user', 'ls', '--data', data])
    assert.equal(missing.exitCode, 2)
    assert.ok(!existsSync(data))

    await ok(['user', 'add', 'alice', '--password-file', at('alice.txt'), '--data', data])

    assert.equal(await ok(['user', 'ls', '--data', data]), 'alice\tSCRAM-SHA-256,SCRAM-SHA-512\n')
    const again = await run(['user', 'add', 'alice', '--data', data], { input: 'x' })
    assert.equal(again.exitCode, 6)
  })

  it('takes a password from a person who types it twice, unseen', async () => {
    const differing = await run(['user', 'add', 'bob', '--data', data], {
      answers: [SECRETS.bob, SECRETS.wrong],
    })
    assert.equal(differing.exitCode, 1)
    assert.match(differing.stderr, /The two passwords differ: nothing was changed/)

    await ok(['user', 'add', 'bob', '--data', data], { answers: [SECRETS.bob, SECRETS.bob] })

    assert.match(await ok(['user', 'ls', '--data', data]), /^alice\t.*\nbob\t/)
  })

  it('takes no password from the command line, and no empty one', async () => {
    const asArgument = await run(['user', 'add', 'carol', 'some-password', '--data', data])
    const empty = await run(['user', 'add', 'carol', '--data', data], { input: '\n' })
    const missing = await run(['user', 'add', 'carol', '--password-file', at('nowhere')])

    assert.deepEqual([asArgument.exitCode, empty.exitCode, missing.exitCode], [2, 2, 3])
    assert.equal(await ok(['user', 'rm', 'bob', '--yes', '--data', data]), 'bob\tdeleted\n')
    assert.equal((await run(['user', 'rm', 'bob', '--yes', '--data', data])).exitCode, 3)
  })
})

describe('a command at a broker that protects itself', () => {
  let scram: string
  let plain: string

  before(async () => {
    scram = loginFile('scram.properties', 'SCRAM-SHA-512', 'alice', SECRETS.alice)
    plain = loginFile('plain.properties', 'PLAIN', 'alice', SECRETS.alice)
    broker = await startBroker({
      folder: data,
      config: {
        listeners: 'SSL://127.0.0.1:0,SASL_SSL://127.0.0.1:0',
        'super.users': 'User:alice;User:CN=alice',
        'ssl.keystore.type': 'PEM',
        'ssl.keystore.location': server.path,
        'ssl.truststore.type': 'PEM',
        'ssl.truststore.location': ca.path,
        'ssl.client.auth': 'required',
        'connection.failed.authentication.delay.ms': '0',
        'listener.name.sasl_ssl.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
        'listener.name.sasl_ssl.plain.sasl.jaas.config': `PlainLoginModule required user_jaas="${SECRETS.jaas}";`,
      },
      onLog: (line) => heard.push(line),
    })
  })

  it('logs in by SCRAM or PLAIN over TLS, or shows a certificate, and does what it does elsewhere', async () => {
    const certificate = at('certificate.properties')
    writeFileSync(
      certificate,
      [
        'security.protocol=SSL',
        `bootstrap.servers=${formatAddress(broker.addresses[0]!)}`,
        `ssl.truststore.type=PEM\nssl.truststore.location=${ca.path}`,
        `ssl.keystore.type=PEM\nssl.keystore.location=${alice.path}`,
      ].join('\n'),
    )

    await ok(['produce', 'orders', 'one', ...by(scram)])
    await ok(['produce', 'orders', 'two', ...by(plain)])
    const read = await ok(['consume', 'orders'], { env: { MILLRACE_COMMAND_CONFIG: certificate } })

    const values = read
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t').at(-1))
    assert.deepEqual(values.sort(), ['one', 'two'])
  })

  it('changes users, who can log in at once, and lists them without what they know', async () => {
    await ok(['user', 'add', 'carol', ...by(scram)], { input: SECRETS.bob })
    await ok(['user', 'passwd', 'alice', ...by(scram)], { input: SECRETS.changed })

    const old = await run(['topic', 'ls', ...by(scram)])
    const next = loginFile('next.properties', 'SCRAM-SHA-256', 'alice', SECRETS.changed)
    const listed = await ok(['user', 'ls', '--json', ...by(next)])

    assert.equal(old.exitCode, 4)
    assert.match(old.stderr, /^error: Login of alice: .*\(SASL_AUTHENTICATION_FAILED\)\n$/)
    assert.deepEqual(
      JSON.parse(listed).map(({ name }: { name: string }) => name),
      ['alice', 'carol'],
    )
    assert.equal(await ok(['user', 'rm', 'carol', '--yes', ...by(next)]), 'carol\tdeleted\n')
  })

  it('says in one line what is wrong with its own side', async () => {
    const wrongPassword = loginFile('wrong.properties', 'PLAIN', 'alice', SECRETS.wrong)
    writeFileSync(at('untrusting.properties'), 'security.protocol=SSL')
    writeFileSync(at('jks.properties'), 'security.protocol=SSL\nssl.truststore.location=a.jks')
    writeFileSync(
      at('no-jaas.properties'),
      `security.protocol=SASL_SSL\nsasl.mechanism=PLAIN\nsasl.jaas.config=${SECRETS.wrong}`,
    )
    const cases: [file: string, listener: number, exitCode: number, says: RegExp][] = [
      [wrongPassword, 1, 4, /Authentication failed/],
      [at('untrusting.properties'), 1, 5, /by TLS: the peer's certificate is signed by nobody who/],
      [at('jks.properties'), 1, 2, /is read as PEM only: convert it/],
      [at('no-jaas.properties'), 1, 2, /sasl.jaas.config must be like/],
      [at('nowhere.properties'), 1, 3, /does not exist/],
    ]
    for (const [file, listener, exitCode, says] of cases) {
      const result = await run(['topic', 'ls', ...by(file, listener)])

      assert.deepEqual([result.exitCode, result.stderr.split('\n').length], [exitCode, 2], file)
      assert.match(result.stderr, says)
    }
    const plaintext = await run(['topic', 'ls', '-b', formatAddress(broker.addresses[1]!)])
    assert.equal(plaintext.exitCode, 5)
  })

  it('goes on when its session ends, on a new connection', async () => {
    const brief = await startBroker({
      memory: true,
      listen: 'SASL_PLAINTEXT://127.0.0.1:0',
      config: { 'connections.max.reauth.ms': '250', 'super.users': 'User:alice' },
    })
    await brief.users.setPassword('alice', SECRETS.alice)
    const file = at('brief.properties')
    const jaas = `org.apache.kafka.common.security.scram.ScramLoginModule required username="alice" password="${SECRETS.alice}";`
    writeFileSync(
      file,
      `security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-256\nsasl.jaas.config=${jaas}`,
    )
    const args = ['--command-config', file, '-b', formatAddress(brief.addresses[0]!)]
    const enough = new AbortController()
    try {
      await ok(['produce', 'orders', 'first', ...args])
      const following = run(['consume', 'orders', '--follow', ...args], {
        interrupted: enough.signal,
        onOutput: (stdout) => {
          if (stdout.includes('second')) enough.abort('SIGINT')
        },
      })
      await until(() => brief.inspect.waitingFetchCount === 1)
      const opened = connectionsOpened(brief)
      await until(() => connectionsOpened(brief) > opened && brief.inspect.waitingFetchCount === 1)
      await ok(['produce', 'orders', 'second', ...args])

      const { stdout, stderr } = await following

      assert.match(stdout, /second/)
      assert.equal(stderr, '')
    } finally {
      await brief.close()
    }
  })

  it('refuses a secret among its arguments, where every user of the machine could read it', async () => {
    const { exitCode, stderr } = await run([
      ...['start', '--data', at('other'), '-c'],
      'listener.name.x.plain.sasl.jaas.config=anything',
    ])

    assert.equal(exitCode, 2)
    assert.match(stderr, /is a secret, and a command line can be read by every user/)
  })

  it('holds no secret in its command line, nor does a broker that has some', async () => {
    const file = at('server.properties')
    writeFileSync(
      file,
      `listeners=SASL_PLAINTEXT://127.0.0.1:0\nsasl.enabled.mechanisms=PLAIN\nlistener.name.sasl_plaintext.plain.sasl.jaas.config=PlainLoginModule required user_jaas="${SECRETS.jaas}";`,
    )
    const main = join(import.meta.dirname, 'main.ts')
    const args = [main, 'start', '--data', at('spawned'), '--config', file]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const output: Buffer[] = []
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (some) => output.push(some))
    const ended = once(child, 'close')
    await once(child.stdout, 'data')
    if (process.platform === 'linux') {
      heard.push(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8'))
      heard.push(readFileSync(`/proc/${child.pid}/environ`, 'utf8'))
    }
    child.kill('SIGTERM')
    await ended
    heard.push(Buffer.concat(output).toString())

    assert.match(heard.at(-1)!, /"event":"ready"/)
  })

  it('has shown none of the secrets anywhere', () => {
    const all = heard.join('\n')

    assert.ok(all.includes('login-failed') && all.includes('SASL_AUTHENTICATION_FAILED'))
    for (const [name, secret] of Object.entries(SECRETS)) {
      assert.ok(!all.includes(secret), `the secret of ${name} was shown`)
    }
  })
})

async function until(condition: () => boolean): Promise<void> {
  const deadlineMs = Date.now() + 30_000
  while (!condition()) {
    assert.ok(Date.now() < deadlineMs, 'nothing came of it in 30 s')
    await setTimeout(10)
  }
}

function connectionsOpened(broker: Broker): number {
  const readings = broker.inspect.metrics()
  const opened = readings.find(({ name }) => name === 'millrace_connections_opened_total')
  return Number(opened?.value)
}
