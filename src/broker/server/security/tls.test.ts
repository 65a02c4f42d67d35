import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { copyFile, readFile, rename, writeFile } from 'node:fs/promises'
import { connect as connectPlain, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { Authority, type Certificate } from '../../../../test/support/certificates.ts'
import { KafkaClient } from '../../../../test/support/kafka-client.ts'
import { startTestBroker, until } from '../../../../test/support/test-broker.ts'
import { metadata } from '../../protocol/03-metadata.ts'
import { findCoordinator } from '../../protocol/10-find-coordinator.ts'
import { describeConfigs } from '../../protocol/32-describe-configs.ts'
import { incrementalAlterConfigs } from '../../protocol/44-incremental-alter-configs.ts'
import { describeCluster } from '../../protocol/60-describe-cluster.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { subjectName } from './distinguished-name.ts'

let ca: Authority
let strangerCa: Authority
let server: Certificate
let alice: Certificate
let expired: Certificate
let stranger: Certificate

before(async () => {
  ca = await Authority.make()
  strangerCa = await Authority.make()
  server = await ca.sign('server', '/CN=broker')
  alice = await ca.sign('alice', '/C=DE/O=Shop/CN=alice')
  expired = await ca.sign('expired', '/CN=late', { expired: true })
  stranger = await strangerCa.sign('stranger', '/CN=alice')
})

after(async () => {
  await ca[Symbol.asyncDispose]()
  await strangerCa[Symbol.asyncDispose]()
})

async function tlsBroker(
  t: TestContext,
  config: Record<string, string> = {},
  listen = 'SSL://127.0.0.1:0',
) {
  const started = await startTestBroker(t, {
    listen,
    config: {
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': server.path,
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': ca.path,
      ...config,
    },
  })
  const said = (event: string) => started.entries.filter((entry) => entry['event'] === event)
  return { ...started, said, port: started.broker.addresses[0]!.port }
}

/** @param certificate of the client */
async function secured(
  t: TestContext,
  port: number,
  certificate?: Certificate,
  options: ConnectionOptions = {},
): Promise<TLSSocket> {
  const identity = certificate && {
    key: await readFile(certificate.keyPath),
    cert: await readFile(certificate.certificatePath),
  }
  const trusted = await readFile(ca.path)
  const socket = connect({ host: '127.0.0.1', port, ca: trusted, ...identity, ...options })
  t.after(() => socket.destroy())
  socket.on('error', () => socket.destroy())
  return socket
}

/** The certificate that a new connection is shown. */
async function shownSubject(t: TestContext, port: number): Promise<string> {
  const socket = await secured(t, port)
  await once(socket, 'secureConnect')
  const subject = socket.getPeerX509Certificate()?.subject ?? ''
  socket.destroy()
  return subject
}

async function closed(socket: Socket): Promise<void> {
  socket.resume()
  if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()))
}

const NO_TOPICS = {
  topics: [],
  allowAutoTopicCreation: false,
  includeClusterAuthorizedOperations: false,
  includeTopicAuthorizedOperations: false,
}

describe('a listener that speaks TLS', () => {
  it('serves who trusts it, with answers larger than one record of TLS', async (t) => {
    const { port } = await tlsBroker(t)
    const socket = await secured(t, port)
    await once(socket, 'secureConnect')
    const client = KafkaClient.over(socket)

    const { results } = await client.send(describeConfigs, 4, {
      resources: [{ resourceType: 4, resourceName: '1', configurationKeys: null }],
      includeSynonyms: true,
      includeDocumentation: true,
    })

    assert.ok(results[0]!.configs.length > 200)
    const hidden = results[0]!.configs.filter(({ isSensitive }) => isSensitive)
    assert.deepEqual(new Set(hidden.map(({ value }) => value)), new Set([null]))
  })

  it('closes what is sent in plain, which costs it one line in the log', async (t) => {
    const { port, said, broker } = await tlsBroker(t)
    const socket = connectPlain({ host: '127.0.0.1', port })
    let received = 0
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk) => {
      // An alert of TLS is no answer of Kafka.
      if (chunk[0] !== 0x15) received += chunk.length
    })

    socket.write(Buffer.concat([Buffer.from([0, 0, 0, 16]), Buffer.alloc(16)]))

    await closed(socket)
    assert.equal(received, 0)
    assert.equal(said('handshake-failed')[0]?.['why'], 'the peer does not speak TLS')
    assert.equal(broker.inspect.connectionCount, 0)
  })

  it('gives a handshake so much time, and only so many of them', async (t) => {
    const { port, said, broker } = await tlsBroker(t, {
      'millrace.login.timeout.ms': '100',
      'millrace.max.pending.logins': '2',
    })
    const silent = [1, 2, 3].map(() => connectPlain({ host: '127.0.0.1', port }))
    for (const socket of silent) socket.on('error', () => socket.destroy())

    await Promise.all(silent.map(closed))

    await until(() => broker.inspect.connectionCount === 0)
    assert.equal(said('connection-closed').length, 3)
    assert.equal(said('handshake-failed').length, 0)
    assert.equal(broker.inspect.pendingLoginCount, 0)
  })

  it('speaks nothing older than TLS 1.2, nor what its settings leave out', async (t) => {
    const both = await tlsBroker(t)
    const onlyNew = await tlsBroker(t, { 'ssl.enabled.protocols': 'TLSv1.3' })
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const

    await closed(await secured(t, both.port, undefined, old))
    await closed(await secured(t, onlyNew.port, undefined, { maxVersion: 'TLSv1.2' }))
    const modern = await secured(t, both.port, undefined, { maxVersion: 'TLSv1.2' })
    await once(modern, 'secureConnect')

    assert.match(String(both.said('handshake-failed')[0]?.['why']), /no version of TLS/)
    assert.match(String(onlyNew.said('handshake-failed')[0]?.['why']), /no version of TLS/)
    assert.equal(modern.getProtocol(), 'TLSv1.2')
  })

  it('speaks only the cipher suites that it was told, by their standard names', async (t) => {
    const { port } = await tlsBroker(t, {
      'ssl.cipher.suites': 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256',
    })
    const suiteOf = async (options: ConnectionOptions) => {
      const socket = await secured(t, port, undefined, options)
      await once(socket, 'secureConnect')
      return socket.getCipher().standardName
    }

    assert.equal(await suiteOf({}), 'TLS_AES_128_GCM_SHA256')
    assert.equal(
      await suiteOf({ maxVersion: 'TLSv1.2' }),
      'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
    )
  })
})

describe('a client certificate', () => {
  const required = { 'ssl.client.auth': 'required' }

  it('is asked for where it is required, and must be of its time and of a trusted authority', async (t) => {
    const { port, said } = await tlsBroker(t, required)
    const welcome = KafkaClient.over(await secured(t, port, alice))

    const { brokers } = await welcome.send(metadata, 12, NO_TOPICS)
    for (const certificate of [undefined, expired, stranger]) {
      await closed(await secured(t, port, certificate))
    }

    assert.equal(brokers.length, 1)
    await until(() => said('handshake-failed').length === 3)
    assert.deepEqual(
      said('handshake-failed').map((entry) => entry['why']),
      [
        'a client certificate is required, and none was shown',
        "the peer's certificate has expired",
        "the peer's certificate is signed by nobody who is trusted",
      ],
    )
  })

  it('may be left out where it is requested, but not be a bad one', async (t) => {
    const { port, said } = await tlsBroker(t, { 'ssl.client.auth': 'requested' })
    const without = KafkaClient.over(await secured(t, port))

    const { brokers } = await without.send(metadata, 12, NO_TOPICS)
    await closed(await secured(t, port, stranger))

    assert.equal(brokers.length, 1)
    await until(() => said('handshake-failed').length === 1)
  })

  it('without a rule for its name is turned away', async (t) => {
    const { port, said } = await tlsBroker(t, {
      ...required,
      'ssl.principal.mapping.rules': 'RULE:^CN=bob$/bob/',
    })

    await closed(await secured(t, port, alice))

    assert.match(String(said('handshake-failed')[0]?.['why']), /has no rule for the name/)
  })

  it('names its owner as Kafka does', async () => {
    const nameOf = async (name: string, subject: string) => {
      const { certificatePath } = await ca.sign(name, subject)
      return subjectName(new X509Certificate(await readFile(certificatePath)).raw)
    }

    // What Java's X500Principal.getName says of the same certificates.
    const expected: [subject: string, name: string][] = [
      ['/C=DE/O=Shop/CN=alice', 'CN=alice,O=Shop,C=DE'],
      ['/O=A, B \\+ C/CN= é"x" ', 'CN=\\ é\\"x\\"\\ ,O=A\\, B \\+ C'],
      ['/emailAddress=a@b.de/UID=7/CN=x', 'CN=x,UID=7,1.2.840.113549.1.9.1=#16066140622e6465'],
      ['/CN=#hash', 'CN=\\#hash'],
      ['/DC=com/DC=example/OU=x/CN=日本', 'CN=日本,OU=x,DC=example,DC=com'],
      ['/serialNumber=5/CN=a=b', 'CN=a\\=b,2.5.4.5=#130135'],
      ['/CN=a+OU=b', 'CN=a+OU=b'],
    ]
    for (const [index, [subject, name]] of expected.entries()) {
      assert.equal(await nameOf(`name-${index}`, subject), name)
    }
  })
})

describe('the certificate of a listener', () => {
  it('is renewed when its file changes; a broken file leaves the old one and is said once', async (t) => {
    const path = join(ca.folder, 'renewed.pem')
    await copyFile(server.path, path)
    const { port, said } = await tlsBroker(t, {
      'ssl.keystore.location': path,
      'millrace.tls.reload.interval.ms': '20',
    })
    const old = KafkaClient.over(await secured(t, port))
    await old.send(metadata, 12, NO_TOPICS)

    // Renamed, not written: a broker that looks meanwhile finds no half of it.
    await rename((await ca.sign('second', '/CN=second')).path, path)
    await until(() => said('certificate-renewed').length === 1)
    const renewed = await shownSubject(t, port)
    await writeFile(`${path}.half`, 'half a file')
    await rename(`${path}.half`, path)
    await until(() => said('certificate-not-renewed').length === 1)
    const kept = await shownSubject(t, port)

    assert.deepEqual([renewed, kept], ['CN=second', 'CN=second'])
    assert.equal((await old.send(metadata, 12, NO_TOPICS)).brokers.length, 1)
    assert.equal(said('certificate-not-renewed').length, 1)
  })

  it('is changed on a running broker by its own key alone, and only for one that can be used', async (t) => {
    const { port } = await tlsBroker(t)
    const second = await ca.sign('altered', '/CN=altered')
    const client = KafkaClient.over(await secured(t, port))
    const alter = async (name: string, value: string) => {
      const { responses } = await client.send(incrementalAlterConfigs, 1, {
        resources: [
          { resourceType: 4, resourceName: '1', configs: [{ name, value, configOperation: 0 }] },
        ],
        validateOnly: false,
      })
      return responses[0]!.errorCode
    }
    const key = 'listener.name.ssl.ssl.keystore.location'

    assert.equal(await alter(key, '/nowhere.pem'), ErrorCode.INVALID_CONFIG)
    assert.equal(await alter('ssl.keystore.location', second.path), ErrorCode.INVALID_REQUEST)
    assert.equal(await shownSubject(t, port), 'CN=broker')
    assert.equal(await alter(key, second.path), ErrorCode.NONE)
    for (let subject = ''; subject !== 'CN=altered'; subject = await shownSubject(t, port));
    const { results } = await client.send(describeConfigs, 4, {
      resources: [{ resourceType: 4, resourceName: '1', configurationKeys: [key] }],
      includeSynonyms: false,
      includeDocumentation: false,
    })
    assert.equal(results[0]!.configs[0]?.value, second.path)
  })

  it('that has expired is served, as it is for clients to judge, and warned about', async (t) => {
    const { port, said } = await tlsBroker(t, { 'ssl.keystore.location': expired.path })
    const socket = await secured(t, port)
    const refused = once(socket, 'error')

    const [error] = await refused

    assert.equal(error.code, 'CERT_HAS_EXPIRED')
    assert.equal(said('certificate-expired').length, 1)
  })

  const starts: [what: string, config: Record<string, string>, says: RegExp][] = [
    ['none', { 'ssl.keystore.location': '' }, /the file {2}does not exist|needs a certificate/],
    [
      'a file that is not there',
      { 'ssl.keystore.location': '/nowhere.pem' },
      /the file \/nowhere.pem does not exist/,
    ],
    [
      'JKS',
      { 'ssl.keystore.type': 'JKS' },
      /ssl.keystore.type is JKS, and only PEM is read. Convert it \(keytool -importkeystore/,
    ],
    ['PKCS12', { 'ssl.keystore.type': 'PKCS12' }, /openssl pkcs12 -in .* -out keystore.pem -nodes/],
    [
      'client certificates without an authority',
      { 'ssl.client.auth': 'required', 'listener.name.ssl.ssl.truststore.type': 'JKS' },
      /ssl.truststore.type is JKS/,
    ],
    [
      'an unknown cipher suite',
      { 'ssl.cipher.suites': 'TLS_NULL_WITH_NULL' },
      /names TLS_NULL_WITH_NULL, which does not exist/,
    ],
    [
      'a rule that is none',
      { 'ssl.principal.mapping.rules': 'RULE:(a)\\1/x/' },
      /no regular expression that can be matched in linear time/,
    ],
    [
      'a key for another listener',
      { 'listener.name.other.ssl.client.auth': 'none' },
      /for a listener that listeners does not name/,
    ],
  ]
  for (const [what, config, says] of starts) {
    it(`that is ${what} ends the start with a sentence`, async (t) => {
      await assert.rejects(tlsBroker(t, config), says)
    })
  }
})

it('each listener tells its clients its own address', async (t) => {
  const listen = 'PLAINTEXT://127.0.0.1:0,SSL://127.0.0.1:0,OUT://127.0.0.1:0'
  const { broker } = await tlsBroker(
    t,
    {
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,SSL:SSL,OUT:SSL',
      'advertised.listeners': 'OUT://kafka.example:9443',
    },
    listen,
  )
  const [plain, tls, out] = broker.addresses
  const clients = [await KafkaClient.connect(plain!), KafkaClient.over(await secured(t, tls!.port))]
  for (const [index, client] of clients.entries()) {
    t.after(() => client[Symbol.asyncDispose]())
    const { port } = broker.addresses[index]!

    const { brokers } = await client.send(metadata, 12, NO_TOPICS)
    const found = await client.send(findCoordinator, 3, {
      key: 'g',
      keyType: 0,
      coordinatorKeys: [],
    })
    const cluster = await client.send(describeCluster, 1, {
      includeClusterAuthorizedOperations: false,
      includeFencedBrokers: false,
    })

    assert.deepEqual([brokers[0]?.port, found.port, cluster.brokers[0]?.port], [port, port, port])
  }
  assert.deepEqual(out, { name: 'OUT', protocol: 'SSL', host: 'kafka.example', port: 9443 })
})
