// Bad frames at a listener that asks for a login: whoever sends them is told nothing but what belongs
// to a login, and who has logged in notices nothing.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startBroker } from '../../src/broker/broker.ts'
import { metadata } from '../../src/broker/protocol/03-metadata.ts'
import { servedApis } from '../../src/broker/server/handler-table.ts'
import { ApiKey } from '../../src/broker/wire/api-keys.ts'
import { KafkaClient } from '../support/kafka-client.ts'
import { logInAs } from '../support/login.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { until } from '../support/until.ts'
import { BadClient } from './bad-client.ts'
import { readCorpus } from './corpus.ts'
import { FrameSource } from './frame-source.ts'
import { Surroundings } from './surroundings.ts'

const frameCount = Math.ceil(Number(process.env['MILLRACE_FUZZ_FRAMES'] ?? 100_000) / 20)
const seed = Number(process.env['MILLRACE_FUZZ_SEED'] ?? Date.now() % 1_000_000)
const CLIENTS = 8
const PATIENCE_MS = 100
const LOOK_EVERY_FRAMES = 200
const ofLogin: readonly number[] = [
  ApiKey.SASL_HANDSHAKE,
  ApiKey.API_VERSIONS,
  ApiKey.SASL_AUTHENTICATE,
]

it(`${frameCount} bad frames before a login learn nothing (seed ${seed})`, async () => {
  const bugs: string[] = []
  await using broker = await startBroker({
    memory: true,
    listen: 'SASL_PLAINTEXT://127.0.0.1:0',
    config: {
      'super.users': 'User:alice',
      'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
      'connection.failed.authentication.delay.ms': '0',
    },
    onLog: (line) => {
      const { event }: { event: string } = JSON.parse(line)
      if (event === 'bug' || event === 'fatal') bugs.push(line)
    },
  })
  await broker.users.setPassword('alice', 'a secret')
  const address = broker.addresses[0]!
  await using good = await KafkaClient.connect(address)
  await logInAs(good, { mechanism: 'SCRAM-SHA-256', user: 'alice', password: 'a secret' })
  const loginApis = servedApis.filter(({ apiKey }) => ofLogin.includes(apiKey))
  const sources = [loginApis, servedApis].map(
    (apis) => new FrameSource(readCorpus(), apis, new Surroundings()),
  )
  const answered = new Map<number, number>()
  let next = 0
  const live = async () => {
    const client = new BadClient(address.port, PATIENCE_MS)
    while (next < frameCount) {
      const number = next++
      const random = seededRandom(seed * 1_000_003 + number)
      const { prefix, bytes } = sources[number % sources.length]!.next(random)
      const { kind } = await client.send(prefix, bytes)
      const apiKey = bytes.length < 2 ? -1 : bytes.readInt16BE(0)
      if (kind === 'answered') answered.set(apiKey, (answered.get(apiKey) ?? 0) + 1)
      if (number % LOOK_EVERY_FRAMES === 0) {
        const request = {
          topics: [],
          allowAutoTopicCreation: false,
          includeClusterAuthorizedOperations: false,
          includeTopicAuthorizedOperations: false,
        }
        assert.equal((await good.send(metadata, 12, request)).brokers.length, 1)
      }
    }
    client.close()
  }

  await Promise.all(Array.from({ length: CLIENTS }, live))
  const what = 'that all bad connections are gone'
  await until(() => broker.inspect.connectionCount === 1, { what })

  assert.deepEqual(bugs, [])
  assert.deepEqual([...answered.keys()].sort(), [...ofLogin].sort())
  assert.equal(broker.inspect.pendingLoginCount, 0)
})
