import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BrokerSettings } from './broker-settings.ts'
import { parseJaas } from './jaas.ts'
import { splitListenerKey } from './listener-keys.ts'
import { planSasl } from './listener-security.ts'
import { planListeners } from './listeners.ts'
import { mapPrincipal, parsePrincipalMapping } from './principal-mapping.ts'
import { resolveSettings } from './static-settings.ts'

const settingsOf = (text: string) =>
  new BrokerSettings(resolveSettings({ file: { path: 'server.properties', text } }))

describe('a JAAS text', () => {
  it('is a module and its options, quoted as Java quotes them', () => {
    const entry = parseJaas(
      'org.apache.kafka.common.security.plain.PlainLoginModule required\n  username="admin"\n  password=bare user_alice="a \\"b\\" = ;" user_bob=\'c\' ;',
    )

    assert.equal(entry?.module, 'PlainLoginModule')
    assert.deepEqual(Object.fromEntries(entry?.options ?? []), {
      username: 'admin',
      password: 'bare',
      user_alice: 'a "b" = ;',
      user_bob: 'c',
    })
  })

  it('without a flag, with an open quote or without its end is none', () => {
    for (const text of [
      '',
      'PlainLoginModule user_a="b";',
      'M required a="b',
      'M required a="b"',
    ]) {
      assert.equal(parseJaas(text), undefined, text)
    }
  })
})

describe('the rules for names in certificates', () => {
  const map = (rules: string, name: string) => {
    const parsed = parsePrincipalMapping(rules)
    return parsed.kind === 'wrong' ? parsed.why : mapPrincipal(parsed.rules, name)
  }
  const name = 'CN=Alice,OU=Shop,O=Example,C=DE'

  it('leave the name as it is by default', () => {
    assert.equal(map('DEFAULT', name), name)
    assert.equal(map('', name), name)
  })

  it('replace the whole of a name that they match, the first that does', () => {
    const rules = 'RULE:^CN=([^,]+),OU=Other.*$/$1/, RULE:^CN=(.*?),OU=Shop.*$/$1@shop/L, DEFAULT'

    assert.equal(map(rules, name), 'alice@shop')
    assert.equal(map(rules, 'CN=x'), 'CN=x')
    assert.equal(map('RULE:CN=Alice/x/', name), undefined)
    assert.equal(map('RULE:^CN=(.*?),.*$/$1/U', name), 'ALICE')
    assert.equal(map('RULE:^CN=a\\/b$/a/', 'CN=a/b'), 'a')
  })

  it('that are none, or take more than linear time, are said', () => {
    assert.match(String(map('RULE:x', name)), /is neither DEFAULT nor RULE/)
    assert.match(String(map('RULE:(?=x)/y/', name)), /linear time/)
  })
})

describe('a key for one listener', () => {
  it('is told from its name, its mechanism and the key behind it', () => {
    const { listener, mechanism, key } = splitListenerKey(
      'listener.name.my.out.scram-sha-512.sasl.jaas.config',
    )!

    assert.deepEqual([listener, mechanism, key], ['my.out', 'scram-sha-512', 'sasl.jaas.config'])
    assert.equal(splitListenerKey('listener.name.x.num.partitions'), undefined)
  })

  it('counts above the one for all, and one for a mechanism above both', () => {
    const settings = settingsOf(
      [
        'listeners=SASL_PLAINTEXT://:0,OUT://:0',
        'listener.security.protocol.map=SASL_PLAINTEXT:SASL_PLAINTEXT,OUT:SASL_PLAINTEXT',
        'sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN',
        'connections.max.reauth.ms=1000',
        'listener.name.out.connections.max.reauth.ms=2000',
        'listener.name.out.scram-sha-512.connections.max.reauth.ms=3000',
        'listener.name.out.sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512',
      ].join('\n'),
    )

    const plans = planListeners(settings.config).map((listener) => planSasl(settings, listener)!)

    assert.deepEqual(
      plans.map(({ maxReauthMs }) => Object.fromEntries(maxReauthMs)),
      [
        { 'SCRAM-SHA-256': 1000, 'SCRAM-SHA-512': 1000, PLAIN: 1000 },
        { 'SCRAM-SHA-256': 2000, 'SCRAM-SHA-512': 3000 },
      ],
    )
  })

  it('is refused with an unknown key, and its value is never said when it is a secret', () => {
    const message = (text: string) => {
      try {
        const settings = settingsOf(text)
        planSasl(settings, planListeners(settings.config)[0]!)
        return 'fine'
      } catch (error) {
        return String(error)
      }
    }
    const secret = 'PlainLoginModule required user_a="hunter2"'
    const listen = 'listeners=SASL_PLAINTEXT://:0\nsasl.enabled.mechanisms=PLAIN\n'

    assert.match(message('listener.name.x.ssl.nonsense=1'), /there is no setting/)
    const wrong = message(`${listen}listener.name.sasl_plaintext.plain.sasl.jaas.config=${secret}`)
    assert.match(wrong, /must be like: org\.apache\.kafka/)
    assert.doesNotMatch(wrong, /hunter2/)
  })
})
