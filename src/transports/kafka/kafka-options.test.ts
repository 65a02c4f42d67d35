import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { kafka } from './kafka.ts'
import { checkOptions, type KafkaOptions } from './kafka-options.ts'

describe('kafka()', () => {
  it('takes addresses as a list or as one text, with Kafka’s port where none is said', () => {
    const { bootstrap } = checkOptions({ brokers: 'one, two:9093' })

    assert.deepEqual(bootstrap, [
      { host: 'one', port: 9092 },
      { host: 'two', port: 9093 },
    ])
    const ofList = checkOptions({ brokers: ['[::1]:9094', '10.0.0.1'] }).bootstrap
    assert.deepEqual(ofList, [
      { host: '::1', port: 9094 },
      { host: '10.0.0.1', port: 9092 },
    ])
  })

  const wrong: readonly [what: string, options: object, sentence: RegExp][] = [
    ['no broker', { brokers: [] }, /needs brokers/],
    ['an address that is none', { brokers: 'kafka://one' }, /'kafka:\/\/one' is not one/],
    ['a port that is none', { brokers: 'one:70000' }, /'one:70000' is not one/],
    ['an option that is misspelled', { brokers: 'one', ssl: true }, /no option ssl/],
    [
      'an unknown protocol',
      { brokers: 'one', groupProtocol: 'new' },
      /consumer, classic, not 'new'/,
    ],
    ['an unknown codec', { brokers: 'one', compression: 'br' }, /one of none, gzip/],
    ['a time that is none', { brokers: 'one', requestTimeoutMs: 0 }, /requestTimeoutMs .* above 0/],
    ['half a certificate', { brokers: 'one', tls: { key: 'k' } }, /tls.cert and tls.key together/],
    ['an unknown login', { brokers: 'one', sasl: { mechanism: 'GSSAPI' } }, /not 'GSSAPI'/],
    ['no user', { brokers: 'one', sasl: { mechanism: 'PLAIN' } }, /sasl.username/],
    [
      'no password',
      { brokers: 'one', sasl: { mechanism: 'PLAIN', username: 'ada' } },
      /sasl.password/,
    ],
  ]
  for (const [what, options, sentence] of wrong) {
    it(`refuses ${what} when it is called, in a sentence`, () => {
      assert.throws(
        () => kafka(options as KafkaOptions),
        (error: unknown) => {
          assert.ok(error instanceof TypeError)
          assert.match(error.message, sentence)
          return true
        },
      )
    })
  }
})
