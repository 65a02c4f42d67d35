import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BrokerSettings } from './broker-settings.ts'
import { brokerConfigKeys } from './config-keys.ts'
import { planListeners } from './listeners.ts'
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

    assert.deepEqual(planListeners(config)[0]!.bind, { host: '127.0.0.1', port: 1 })
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
    assert.throws(
      () => configOf(file('sasl.kerberos.service.name=kafka')),
      /sasl.kerberos.service.name is refused. Kerberos does not exist here/,
    )
    assert.throws(
      () => configOf(file('ssl.enabled.protocols=TLSv1.1,TLSv1.2')),
      /ssl.enabled.protocols cannot be 'TLSv1.1,TLSv1.2': it must be a list of TLSv1.2, TLSv1.3/,
    )
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
    assert.deepEqual(planListeners(config)[0]!.bind, { host: '0.0.0.0', port: 9092 })
    assert.deepEqual(planListeners(config)[0]!.advertise, { host: 'kafka.example', port: 9092 })
    assert.deepEqual(config.logDirs, ['/var/lib/millrace'])
  })
})

describe('a listener', () => {
  const listen = (text: string) => planListeners(configOf(file(`listeners=${text}`)))[0]!.bind

  it('may be of IPv6', () => {
    assert.deepEqual(listen('PLAINTEXT://[::1]:0'), { host: '::1', port: 0 })
  })

  it('speaks what its name says, or what the map says of it', () => {
    const plans = planListeners(
      configOf(
        file(
          'listeners=PLAINTEXT://127.0.0.1:1,OUT://:2\nadvertised.listeners=OUT://kafka.example:9094\nlistener.security.protocol.map=PLAINTEXT:PLAINTEXT,OUT:SASL_SSL',
        ),
      ),
    )

    assert.deepEqual(
      plans.map(({ name, protocol, advertise }) => [name, protocol, advertise?.host]),
      [
        ['PLAINTEXT', 'PLAINTEXT', undefined],
        ['OUT', 'SASL_SSL', 'kafka.example'],
      ],
    )
  })

  it('is refused when it is none, speaks what does not exist, or shares a name or an address', () => {
    assert.throws(() => listen('localhost'), /'localhost' is no listener/)
    assert.throws(() => listen('PLAINTEXT://x:99999'), /is no listener/)
    assert.throws(
      () => listen('OTHER://:2'),
      /Listener OTHER stands for no protocol: map it to one of/,
    )
    assert.throws(() => listen('PLAINTEXT://:1,PLAINTEXT://:2'), /names a listener twice/)
    assert.throws(() => listen('PLAINTEXT://:1,SSL://:1'), /names an address twice/)
    assert.throws(
      () => planListeners(configOf(file('advertised.listeners=SSL://kafka.example:9092'))),
      /advertised.listeners names SSL, which listeners does not/,
    )
    assert.throws(
      () => planListeners(configOf(file('advertised.listeners=PLAINTEXT://:9092'))),
      /needs a host/,
    )
  })
})
