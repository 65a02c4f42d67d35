// TLS and logins, against Millrace over TCP.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it, type TestContext } from 'node:test'
import { Authority, type Certificate } from '../../../test/support/certificates.ts'
import { openTransport } from '../../../test/support/kafka-transport.ts'
import { startTestBroker } from '../../../test/support/test-broker.ts'
import { KafkaError } from './errors.ts'
import { kafka } from './kafka.ts'
import type { KafkaOptions } from './kafka-options.ts'

const PASSWORD = 'correct horse'

async function refusalOf(options: KafkaOptions): Promise<string> {
  const engine = kafka({ ...options, connectTimeoutMs: 2000 })
  const error: unknown = await engine.open({ service: 'spec', onWarning: () => undefined }).then(
    () => assert.fail('it was let in'),
    (reason) => reason,
  )
  assert.ok(error instanceof KafkaError)
  return error.message
}

describe('a login', () => {
  async function securedBroker(t: TestContext): Promise<string> {
    const { broker } = await startTestBroker(t, {
      listen: 'SASL_PLAINTEXT://127.0.0.1:0',
      config: {
        'listener.name.sasl_plaintext.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
        'super.users': 'User:alice',
        'connection.failed.authentication.delay.ms': '0',
      },
    })
    await broker.users.setPassword('alice', PASSWORD)
    return `127.0.0.1:${broker.addresses[0]!.port}`
  }

  for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
    it(`by ${mechanism} is made on every connection, and a wrong password is said at once`, async (t) => {
      const brokers = await securedBroker(t)
      const sasl = { mechanism, username: 'alice', password: async () => PASSWORD }

      const transport = await openTransport(t, { brokers, sasl })

      const [made] = await transport.administration.ensureTopics([{ name: 'a', partitions: 2 }])
      assert.equal(made!.partitions, 2)
      const wrong = await refusalOf({ brokers, sasl: { ...sasl, password: 'wrong' } })
      assert.match(wrong, /Connecting to Kafka failed: SASL authentication failed/)
    })
  }
})

describe('TLS', () => {
  let ca: Authority
  let server: Certificate
  before(async () => {
    ca = await Authority.make()
    server = await ca.sign('server', '/CN=localhost')
  })
  after(() => ca[Symbol.asyncDispose]())

  async function tlsBroker(t: TestContext): Promise<string> {
    const { broker } = await startTestBroker(t, {
      listen: 'SSL://127.0.0.1:0',
      config: { 'ssl.keystore.type': 'PEM', 'ssl.keystore.location': server.path },
    })
    return `127.0.0.1:${broker.addresses[0]!.port}`
  }

  it('is spoken with brokers whose certificate an authority has signed that is trusted', async (t) => {
    const brokers = await tlsBroker(t)

    const transport = await openTransport(t, { brokers, tls: { ca: readFileSync(ca.path) } })

    assert.deepEqual(await transport.administration.groups(), [])
  })

  it('is refused with brokers that nobody trusted has signed for', async (t) => {
    const brokers = await tlsBroker(t)

    const message = await refusalOf({ brokers, tls: true })

    assert.match(message, /unable to verify the first certificate|self-signed/)
  })

  it('that is asked for on one side only is named among what may be wrong', async (t) => {
    const brokers = await tlsBroker(t)

    assert.match(await refusalOf({ brokers }), /is TLS spoken on both sides/)
  })
})
