// Logging in over TLS as a user whom `millrace user` has made, by SCRAM and by PLAIN, and by a client
// certificate instead. Each is a process of its own, because a client is secured as a whole.
import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'
import type { Ability, Bench } from '../ability.ts'
import type { Driver } from '../contract.ts'
import type { ClientSecurity } from '../security.ts'
import type { Secured } from '../target.ts'

const VALUE = 'c2VjcmV0bHk='
const PATIENCE_MS = 3_000

function logsIn(
  name: string,
  settings: (secured: Secured) => { bootstrap: string; security: ClientSecurity },
): Ability {
  return {
    name,
    step: 'first',
    attempt: async (bench) => {
      const { bootstrap, security } = settings(bench.secured)
      const driver = bench.client.start(bootstrap, security)
      try {
        await writesAndReads(driver, bench, name)
      } finally {
        await driver.close()
      }
      if (security.mechanism === 'SCRAM-SHA-512') await isRefused(bench, bootstrap, security)
    },
  }
}

/** With a wrong password: many clients try again for a long time, which is not waited for. */
async function isRefused(bench: Bench, bootstrap: string, security: ClientSecurity): Promise<void> {
  const topic = bench.name('refused')
  await bench.probe.createTopic(topic, 1)
  const stranger = bench.client.start(bootstrap, { ...security, password: 'wrong' })
  const attempt = write(stranger, bench, topic).then(
    () => 'accepted',
    () => 'refused',
  )
  await Promise.race([attempt, setTimeout(PATIENCE_MS)])
  await stranger.close()
  assert.notEqual(await attempt, 'accepted')
  assert.equal(await bench.probe.endOffset(topic, 0), 0)
}

async function write(driver: Driver, { client }: Bench, topic: string) {
  const records = [{ partition: 0, key: null, value: VALUE, headers: [] }]
  return await driver.call('produce', { topic, clientId: client.id, records })
}

async function writesAndReads(driver: Driver, bench: Bench, name: string): Promise<void> {
  const topic = bench.name(name.replaceAll(/[^a-z0-9]+/gi, '-'))
  await bench.probe.createTopic(topic, 1)

  await write(driver, bench, topic)

  const read = { topic, partitions: [0], count: 1, timeoutMs: 15_000 }
  const { records } = await driver.call('read', read)
  assert.deepEqual(
    records.map(({ value }) => value),
    [VALUE],
  )
}

export const loginAbilities: readonly Ability[] = [
  logsIn('logs in by SCRAM-SHA-512 over TLS', ({ saslSsl, user, password, caFile }) => ({
    bootstrap: saslSsl,
    security: { protocol: 'SASL_SSL', mechanism: 'SCRAM-SHA-512', user, password, caFile },
  })),
  logsIn('logs in by PLAIN over TLS', ({ saslSsl, user, password, caFile }) => ({
    bootstrap: saslSsl,
    security: { protocol: 'SASL_SSL', mechanism: 'PLAIN', user, password, caFile },
  })),
  logsIn('shows a client certificate', ({ ssl, caFile, certificate }) => ({
    bootstrap: ssl,
    security: {
      protocol: 'SSL',
      caFile,
      certificateFile: certificate.certificatePath,
      keyFile: certificate.keyPath,
      keyAndCertificateFile: certificate.path,
    },
  })),
]
