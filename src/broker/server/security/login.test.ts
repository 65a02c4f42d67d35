import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import type { KafkaClient } from '../../../../test/support/kafka-client.ts'
import { LoginRefused, logInAs } from '../../../../test/support/login.ts'
import {
  batchOf,
  makeTopic,
  produceTo,
  startTestBroker,
  until,
} from '../../../../test/support/test-broker.ts'
import { metadata } from '../../protocol/03-metadata.ts'
import { saslHandshake } from '../../protocol/17-sasl-handshake.ts'
import { apiVersions } from '../../protocol/18-api-versions.ts'
import { saslAuthenticate } from '../../protocol/36-sasl-authenticate.ts'
import { alterUserScramCredentials } from '../../protocol/51-alter-user-scram-credentials.ts'
import { apiTable } from '../../protocol/api-table.ts'
import { encodeRequest } from '../../protocol/frames.ts'
import { advertisedVersions } from '../../protocol/versions.ts'
import { ApiKey } from '../../wire/api-keys.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { digestOf, proofOf, saltPassword } from './scram-keys.ts'

const PASSWORD = 'correct horse'
const JAAS_PASSWORD = 'battery "staple"'
const JAAS = `org.apache.kafka.common.security.plain.PlainLoginModule required user_jaas="${JAAS_PASSWORD.replaceAll('"', '\\"')}";`
const QUICK = { 'connection.failed.authentication.delay.ms': '0' }

const NO_TOPICS = {
  topics: [],
  allowAutoTopicCreation: false,
  includeClusterAuthorizedOperations: false,
  includeTopicAuthorizedOperations: false,
}

async function securedBroker(t: TestContext, config: Record<string, string> = {}) {
  const started = await startTestBroker(t, {
    listen: 'SASL_PLAINTEXT://127.0.0.1:0',
    config: {
      'listener.name.sasl_plaintext.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
      'listener.name.sasl_plaintext.plain.sasl.jaas.config': JAAS,
      'super.users': 'User:alice',
      ...QUICK,
      ...config,
    },
  })
  await started.broker.users.setPassword('alice', PASSWORD)
  const said = (event: string) => started.entries.filter((entry) => entry['event'] === event)
  return { ...started, said }
}

const alice = { mechanism: 'SCRAM-SHA-512', user: 'alice', password: PASSWORD } as const

async function refusalOf(login: Promise<unknown>): Promise<LoginRefused> {
  try {
    await login
  } catch (error) {
    if (error instanceof LoginRefused) return error
    throw error
  }
  throw new Error('the login was accepted')
}

async function serves(client: KafkaClient): Promise<boolean> {
  const { brokers } = await client.send(metadata, 12, NO_TOPICS)
  return brokers.length === 1
}

describe('a login', () => {
  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
    it(`by ${mechanism} lets a stored user in, and nobody with a wrong password`, async (t) => {
      const { connect, said } = await securedBroker(t)
      const [client, other] = [await connect(), await connect()]

      await logInAs(client, { ...alice, mechanism })
      const refused = await refusalOf(logInAs(other, { ...alice, mechanism, password: 'wrong' }))

      assert.equal(await serves(client), true)
      assert.equal(refused.errorCode, ErrorCode.SASL_AUTHENTICATION_FAILED)
      await other.closed()
      assert.equal(said('login-failed')[0]?.['why'], 'unknown user or wrong password')
    })

    it(`by ${mechanism} says the same of a user who does not exist as of a wrong password`, async (t) => {
      const { connect } = await securedBroker(t)
      const attempts = [
        logInAs(await connect(), { ...alice, mechanism, password: 'wrong' }),
        logInAs(await connect(), { ...alice, mechanism, user: 'nobody' }),
      ]

      const [wrong, unknown] = await Promise.all(attempts.map(refusalOf))

      assert.deepEqual([unknown?.errorCode, unknown?.message], [wrong?.errorCode, wrong?.message])
    })
  }

  it('by PLAIN takes users from the JAAS text of the listener, who have no other password', async (t) => {
    const { connect, broker } = await securedBroker(t)
    await broker.users.setPassword('jaas', PASSWORD)
    const [client, other] = [await connect(), await connect()]

    await logInAs(client, { mechanism: 'PLAIN', user: 'jaas', password: JAAS_PASSWORD })
    const refused = logInAs(other, { mechanism: 'PLAIN', user: 'jaas', password: PASSWORD })

    assert.equal(await serves(client), true)
    assert.equal((await refusalOf(refused)).errorCode, ErrorCode.SASL_AUTHENTICATION_FAILED)
  })

  it('by a mechanism that is not allowed is 33, with those that are, and the end', async (t) => {
    const { connect, said } = await securedBroker(t)
    const client = await connect()

    const answer = await client.send(saslHandshake, 1, { mechanism: 'GSSAPI' })

    assert.equal(answer.errorCode, ErrorCode.UNSUPPORTED_SASL_MECHANISM)
    assert.deepEqual(answer.mechanisms, ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])
    await client.closed()
    assert.equal(said('login-failed')[0]?.['why'], 'the mechanism is not allowed')
  })

  it('shows a user who does not exist the same salt every time', async (t) => {
    const { connect } = await securedBroker(t)
    const saltFor = async (user: string) => {
      const client = await connect()
      await client.send(saslHandshake, 1, { mechanism: 'SCRAM-SHA-512' })
      const authBytes = Buffer.from(`n,,n=${user},r=x`)
      const { authBytes: first } = await client.send(saslAuthenticate, 2, { authBytes })
      return /s=([^,]+),i=(\d+)/.exec(first.toString())?.slice(1)
    }

    const [salt, iterations] = (await saltFor('nobody')) ?? []

    assert.deepEqual(await saltFor('nobody'), [salt, iterations])
    assert.notEqual((await saltFor('nobody2'))?.[0], salt)
    const [aliceSalt, aliceIterations] = (await saltFor('alice')) ?? []
    assert.deepEqual([salt?.length, iterations], [aliceSalt?.length, aliceIterations])
  })

  it('replayed from what somebody has overheard is refused', async (t) => {
    const { connect, said } = await securedBroker(t)
    const overheard: Buffer[] = []
    const [client, thief, twice] = [await connect(), await connect(), await connect()]
    const send = client.send.bind(client)
    client.send = (api, version, body) => {
      if ('authBytes' in body && Buffer.isBuffer(body.authBytes)) overheard.push(body.authBytes)
      return send(api, version, body)
    }
    await logInAs(client, alice)

    await thief.send(saslHandshake, 1, { mechanism: 'SCRAM-SHA-512' })
    const first = await thief.send(saslAuthenticate, 2, { authBytes: overheard[0]! })
    const final = await thief.send(saslAuthenticate, 2, { authBytes: overheard[1]! })

    assert.equal(first.errorCode, ErrorCode.NONE)
    assert.equal(final.errorCode, ErrorCode.SASL_AUTHENTICATION_FAILED)
    assert.equal(said('login-failed')[0]?.['why'], 'the nonce is of another exchange')
    await thief.closed()

    await twice.send(saslHandshake, 1, { mechanism: 'SCRAM-SHA-512' })
    await twice.send(saslAuthenticate, 2, { authBytes: overheard[0]! })
    const again = await twice.send(saslAuthenticate, 2, { authBytes: overheard[0]! })
    assert.equal(again.errorCode, ErrorCode.SASL_AUTHENTICATION_FAILED)
  })

  it('with a delegation token, channel binding, or another name to act as is refused', async (t) => {
    const { connect, said } = await securedBroker(t)
    for (const token of [
      'n,,n=alice,r=x,tokenauth=true',
      'p=tls-unique,,n=alice,r=x',
      'n,a=bob,n=alice,r=x',
      'n,,r=x',
      '',
    ]) {
      const client = await connect()
      await client.send(saslHandshake, 1, { mechanism: 'SCRAM-SHA-256' })

      const { errorCode } = await client.send(saslAuthenticate, 1, {
        authBytes: Buffer.from(token),
      })

      assert.equal(errorCode, ErrorCode.SASL_AUTHENTICATION_FAILED, token)
    }
    assert.equal(said('login-failed').length, 5)
  })

  it('waits before it is told that it failed', async (t) => {
    const delay = { 'connection.failed.authentication.delay.ms': '150' }
    const { connect } = await securedBroker(t, delay)
    const client = await connect()
    const startMs = performance.now()

    await refusalOf(logInAs(client, { ...alice, password: 'wrong' }))

    assert.ok(performance.now() - startMs >= 149)
  })

  it('after a handshake of version 0 goes on with bare tokens', async (t) => {
    const { broker, connect: connectClient } = await securedBroker(t)
    for (const isRight of [true, false]) {
      const client = await connectClient()
      await client.send(saslHandshake, 0, { mechanism: 'PLAIN' })
      const token = Buffer.from(`\0alice\0${isRight ? PASSWORD : 'x'}`)
      const length = Buffer.alloc(4)
      length.writeInt32BE(token.length)
      const received: Buffer[] = []
      client.socket.removeAllListeners('data')
      client.socket.on('data', (chunk) => received.push(chunk))

      client.socket.write(Buffer.concat([length, token]))

      if (isRight) {
        await until(() => Buffer.concat(received).length === 4)
        assert.deepEqual(Buffer.concat(received), Buffer.alloc(4))
        const header = { apiVersion: 12, correlationId: 9, clientId: 'x' }
        client.socket.write(Buffer.concat(encodeRequest(metadata, header, NO_TOPICS)))
        await until(() => Buffer.concat(received).length > 12)
        assert.equal(Buffer.concat(received).readInt32BE(8), 9)
      } else {
        await client.closed()
        assert.equal(Buffer.concat(received).length, 0)
      }
    }
    assert.equal(broker.inspect.pendingLoginCount, 0)
  })

  it('gives ApiVersions before it, in a version that does not exist too', async (t) => {
    const { connect } = await securedBroker(t)
    const client = await connect()
    const software = { clientSoftwareName: 'x', clientSoftwareVersion: '1' }

    const { apiKeys } = await client.send(apiVersions, 3, software)

    assert.ok(apiKeys.some(({ apiKey }) => apiKey === ApiKey.SASL_AUTHENTICATE))
  })

  it('takes frames only up to sasl.server.max.receive.size, and larger ones after it', async (t) => {
    const { connect, said } = await securedBroker(t, { 'sasl.server.max.receive.size': '1000' })
    const [client, stranger] = [await connect(), await connect()]
    await logInAs(client, alice)
    await makeTopic(client, 'orders')

    stranger.socket.write(Buffer.from([0, 0, 4, 0, 0, 17, 0, 1]))
    const stored = await produceTo(client, 'orders', batchOf(['x'.repeat(5000)]))

    await stranger.closed()
    assert.equal(stored.errorCode, ErrorCode.NONE)
    assert.match(
      String(said('connection-closed')[0]?.['reason']),
      /above sasl.server.max.receive.size \(1000\)/,
    )
  })

  it('must be finished within its time, and too many of them close the oldest', async (t) => {
    const { connect, said, broker } = await securedBroker(t, {
      'millrace.login.timeout.ms': '100',
      'millrace.max.pending.logins': '2',
    })
    const silent = [await connect(), await connect(), await connect()]

    await Promise.all(silent.map((client) => client.closed()))

    const reasons = said('connection-closed').map((entry) => String(entry['reason']))
    assert.equal(reasons.filter((reason) => /max.pending.logins/.test(reason)).length, 1)
    assert.equal(reasons.filter((reason) => /login.timeout.ms/.test(reason)).length, 2)
    assert.equal(broker.inspect.pendingLoginCount, 0)
    await until(() => broker.inspect.connectionCount === 0)
  })

  it('on a listener that asks for none is 34', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()

    const chosen = await client.send(saslHandshake, 1, { mechanism: 'PLAIN' })
    const answer = await client.send(saslAuthenticate, 2, { authBytes: Buffer.from('x') })

    assert.equal(chosen.errorCode, ErrorCode.ILLEGAL_SASL_STATE)
    assert.equal(answer.errorCode, ErrorCode.ILLEGAL_SASL_STATE)
    assert.equal(await serves(client), true)
  })
})

describe('a session that ends', () => {
  const lifetime = (ms: number) => ({ 'connections.max.reauth.ms': String(ms) })

  it('is renewed on the same connection, by the same user', async (t) => {
    const { connect } = await securedBroker(t, lifetime(600))
    const client = await connect()

    assert.equal(await logInAs(client, alice), 600)
    assert.equal(await logInAs(client, alice), 600)

    assert.equal(await serves(client), true)
  })

  it('is not renewed for another user, or by another mechanism', async (t) => {
    const { connect, broker, said } = await securedBroker(t, lifetime(60_000))
    await broker.users.setPassword('bob', PASSWORD)
    for (const next of [{ ...alice, user: 'bob' }, { ...alice, mechanism: 'PLAIN' } as const]) {
      const client = await connect()
      await logInAs(client, alice)

      const refused = await refusalOf(logInAs(client, next))

      assert.equal(refused.errorCode, ErrorCode.SASL_AUTHENTICATION_FAILED)
      await client.closed()
    }
    assert.deepEqual(
      said('login-failed').map((entry) => entry['why']),
      ['another user than before', 'another mechanism than before'],
    )
  })

  it('is over: the next request closes the connection', async (t) => {
    const { connect, said } = await securedBroker(t, lifetime(50))
    const client = await connect()
    await logInAs(client, alice)
    const endMs = performance.now() + 60
    await until(() => performance.now() > endMs)

    await assert.rejects(serves(client), /connection closed/)

    assert.match(String(said('connection-closed')[0]?.['reason']), /the session has ended/)
  })

  it('that never ends cannot be renewed, which is 34 and harmless', async (t) => {
    const { connect } = await securedBroker(t)
    const client = await connect()
    await logInAs(client, alice)

    const { errorCode } = await client.send(saslHandshake, 1, { mechanism: 'PLAIN' })

    assert.equal(errorCode, ErrorCode.ILLEGAL_SASL_STATE)
    assert.equal(await serves(client), true)
  })
})

describe('without a login nobody gets a byte', () => {
  const harmless: readonly number[] = [
    ApiKey.API_VERSIONS,
    ApiKey.SASL_HANDSHAKE,
    ApiKey.SASL_AUTHENTICATE,
  ]
  const states = {
    'before it': async () => undefined,
    midway: async (client: KafkaClient) => {
      await client.send(saslHandshake, 1, { mechanism: 'SCRAM-SHA-512' })
      await client.send(saslAuthenticate, 2, { authBytes: Buffer.from('n,,n=alice,r=x') })
    },
    'after its session': async (client: KafkaClient) => {
      await logInAs(client, { ...alice, user: 'brief', mechanism: 'SCRAM-SHA-256' })
      const endMs = performance.now() + 3
      await until(() => performance.now() > endMs)
    },
  }

  for (const [state, enter] of Object.entries(states)) {
    it(`${state}, by any API in any version`, async (t) => {
      const { broker, connect: open } = await securedBroker(t, {
        'listener.name.sasl_plaintext.scram-sha-256.connections.max.reauth.ms': '1',
      })
      await addCheapUser(await open(), 'brief')
      const keys = Array.from({ length: 100 }, (_, key) => key).filter(
        (key) => !harmless.includes(key),
      )
      for (const key of keys) {
        const [first, last] = advertisedVersions(key) ?? apiTable.get(key)?.versions ?? [0, 0]
        for (let version = first; version <= last + 1; version++) {
          const client = await open()
          await enter(client)
          let bytes = 0
          client.socket.on('data', (chunk) => {
            bytes += chunk.length
          })
          const frame = Buffer.alloc(4 + 64)
          frame.writeInt32BE(64)
          frame.writeInt16BE(key, 4)
          frame.writeInt16BE(version, 6)

          client.socket.write(frame)
          await client.closed()

          assert.equal(bytes, 0, `API ${key} version ${version}`)
        }
      }
      await until(() => broker.inspect.connectionCount === 1)
    })
  }
})

/** One whose login takes little, for tests that log in hundreds of times. */
async function addCheapUser(client: KafkaClient, name: string): Promise<void> {
  await logInAs(client, alice)
  const how = { salt: Buffer.from('salt'), iterations: 4096 }
  const saltedPassword = await saltPassword('SCRAM-SHA-256', PASSWORD, how)
  const { results } = await client.send(alterUserScramCredentials, 0, {
    deletions: [],
    upsertions: [{ name, mechanism: 1, ...how, saltedPassword }],
  })
  assert.equal(results[0]?.errorCode, ErrorCode.NONE)
}

it('a handshake of TLS at a listener that speaks none ends', async (t) => {
  const { broker } = await securedBroker(t)
  const { host, port } = broker.addresses[0]!
  const socket = connect({ host, port })
  socket.on('error', () => socket.destroy())

  socket.write(Buffer.from('160301020001000200', 'hex'))

  await once(socket, 'close')
})

it('a proof is made of the salted password alone', async () => {
  // RFC 7677, section 3.
  const how = { salt: Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'), iterations: 4096 }
  const salted = await saltPassword('SCRAM-SHA-256', 'pencil', how)
  const authMessage =
    'n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0'

  assert.equal(salted.length, digestOf['SCRAM-SHA-256'].bytes)
  assert.equal(
    proofOf('SCRAM-SHA-256', salted, authMessage).toString('base64'),
    'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  )
})
