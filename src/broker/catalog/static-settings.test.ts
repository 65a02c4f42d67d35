import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BrokerSettings } from './broker-settings.ts'
import { brokerConfigKeys } from './config-keys.ts'
import { advertisedAddress, listenAddress } from './listeners.ts'
import {
  resolveSettings,
  type SettingSources,
  settingsWithoutEffect,
  variableFor,
} from './static-settings.ts'

const configOf = (sources: SettingSources) => new BrokerSettings(resolveSettings(sources)).config
const file = (text: string) => ({ file: { path: 'server.properties', text } })

describe('the settings of a broker', () => {
  it('are taken from the flag, then the environment, then the file, then the default', () => {
    const sources = {
      flags: [{ flag: '--listen', key: 'listeners', text: '127.0.0.1:1' }],
      environment: { MILLRACE_LISTEN: '127.0.0.1:2', MILLRACE_NUM_PARTITIONS: '2' },
      ...file('listeners=PLAINTEXT://:3\nnum.partitions=3\nfetch.max.bytes=3333'),
    }
    const config = configOf(sources)

    assert.deepEqual(listenAddress(config), { host: '127.0.0.1', port: 1 })
    assert.equal(config.numPartitions, 2)
    assert.equal(config.fetchMaxBytes, 3333)
    assert.equal(config.autoCreateTopicsEnable, true)
    assert.equal(config.brokerRack, undefined)
  })

  it('have one environment variable each', () => {
    const variables = new Set([...brokerConfigKeys.keys()].map(variableFor))

    assert.equal(variables.size, brokerConfigKeys.size)
    assert.equal(variableFor('millrace.max.groups'), 'MILLRACE_MAX_GROUPS')
  })

  it('that are unknown end the start with the name that was probably meant', () => {
    assert.throws(() => configOf(file('# x\nnum.partition=3')), {
      name: 'ConfigError',
      message:
        "server.properties line 2: there is no setting 'num.partition'. Did you mean 'num.partitions'?",
    })
    assert.throws(() => configOf({ environment: { MILLRACE_NUM_PARTITION: '3' } }), {
      message:
        "environment: there is no setting 'MILLRACE_NUM_PARTITION'. Did you mean 'MILLRACE_NUM_PARTITIONS'?",
    })
  })

  it('that are wrong end the start with key, value and what is allowed', () => {
    assert.throws(() => configOf(file('num.partitions=many')), {
      message:
        "server.properties line 1: num.partitions cannot be 'many': it must be a whole number of 32 bits.",
    })
    assert.throws(() => configOf({ environment: { MILLRACE_NODE_ID: '2' } }), {
      message: "MILLRACE_NODE_ID: node.id cannot be '2': it must be 1.",
    })
  })

  it('that promise protection which does not exist are refused', () => {
    assert.throws(
      () => configOf(file('authorizer.class.name=com.example.RangerAuthorizer')),
      /authorizer\.class\.name cannot be 'com\.example\.RangerAuthorizer': it must be one of/,
    )
    assert.throws(() => configOf(file('super.users=alice')), /principals like User:alice/)
    assert.throws(() => configOf(file('ssl.keystore.location=/x')), /TLS does not exist yet/)
  })

  it('that have no effect are taken, and said so', () => {
    const settings = resolveSettings(file('num.io.threads=16\nnum.network.threads=3'))

    assert.deepEqual(settingsWithoutEffect(settings), [
      'server.properties line 1: num.io.threads has no effect: One process with one event loop does the work: there are no pools of threads to size.',
    ])
  })

  it('ignore the rest of the environment', () => {
    resolveSettings({ environment: { PATH: '/bin', MILLRACE_CONFIG: 'x', MILLRACE_BROKER: 'y' } })
  })
})

describe('an ordinary server.properties of a single Kafka node', () => {
  const config = configOf(
    file(`process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://kafka.example:9092,CONTROLLER://kafka.example:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL
num.network.threads=3
num.io.threads=8
socket.send.buffer.bytes=102400
log.dirs=/var/lib/millrace
offsets.topic.replication.factor=1
log.retention.hours=24
log.segment.bytes=1073741824
`),
  )

  it('gives the address of its clients and the folder of its data', () => {
    assert.deepEqual(listenAddress(config), { host: '0.0.0.0', port: 9092 })
    assert.deepEqual(advertisedAddress(config), { host: 'kafka.example', port: 9092 })
    assert.deepEqual(config.logDirs, ['/var/lib/millrace'])
  })
})

describe('a listener', () => {
  const listen = (text: string) => listenAddress(configOf(file(`listeners=${text}`)))

  it('may be of IPv6', () => {
    assert.deepEqual(listen('PLAINTEXT://[::1]:0'), { host: '::1', port: 0 })
  })

  it('is refused when it is none, speaks what does not exist, or is one of several', () => {
    assert.throws(() => listen('localhost'), /'localhost' is no listener/)
    assert.throws(() => listen('PLAINTEXT://x:99999'), /is no listener/)
    assert.throws(() => listen('SASL_SSL://:9093'), /speaks SASL_SSL; only PLAINTEXT exists yet/)
    assert.throws(() => listen('PLAINTEXT://:1,OTHER://:2'), /only one exists yet/)
    assert.throws(
      () => advertisedAddress(configOf(file('advertised.listeners=PLAINTEXT://:9092'))),
      /needs a host/,
    )
  })
})
