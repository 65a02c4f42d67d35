// Writes test/fixtures/access/kafka-4.3.1.jsonl: what a real Kafka with its StandardAuthorizer answers to
// the questions, to be compared with. It starts that Kafka, and stops it:
//
//   node test/access/record.ts [PORT]        PORT and the two after it must be free (19092)

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { saslHandshake } from '../../src/broker/protocol/17-sasl-handshake.ts'
import { saslAuthenticate } from '../../src/broker/protocol/36-sasl-authenticate.ts'
import { KafkaClient } from '../support/kafka-client.ts'
import { ADMIN, recordedPath, survey, users } from './survey.ts'

const services = resolve(import.meta.dirname, '../../scripts/services')
const port = Number(process.argv[2] ?? 19_092)
const saslPort = port + 2
const folder = mkdtempSync(join(tmpdir(), 'millrace-access-'))
const data = join(folder, 'kafka')
const settings = join(folder, 'settings.properties')
const password = 'secret'

writeFileSync(
  settings,
  `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1},SASL_PLAINTEXT://127.0.0.1:${saslPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${port},SASL_PLAINTEXT://127.0.0.1:${saslPort}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:${ADMIN};User:ANONYMOUS
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required ${users.map((user) => `user_${user}="${password}"`).join(' ')};
`,
)

const connections: KafkaClient[] = []

async function logIn(user: string): Promise<KafkaClient> {
  const client = await KafkaClient.connect({ host: '127.0.0.1', port: saslPort })
  connections.push(client)
  await client.send(saslHandshake, 1, { mechanism: 'PLAIN' })
  const authBytes = Buffer.from(`\0${user}\0${password}`)
  const { errorCode, errorMessage } = await client.send(saslAuthenticate, 2, { authBytes })
  if (errorCode !== 0) throw new Error(`${user}: ${errorMessage}`)
  return client
}

try {
  const where = ['--port', String(port), '--data', data]
  execFileSync(services, ['start', 'kafka', ...where, '--config', settings], { stdio: 'inherit' })
  try {
    const heard = await survey({
      as: async (user) => {
        const client = await logIn(user)
        return (api, version, body) => client.send(api, version, body)
      },
    })
    writeFileSync(recordedPath, heard.map((one) => `${JSON.stringify(one)}\n`).join(''))
  } finally {
    for (const client of connections) await client[Symbol.asyncDispose]()
    execFileSync(services, ['stop', 'kafka', '--data', data])
  }
} finally {
  rmSync(folder, { recursive: true })
}
