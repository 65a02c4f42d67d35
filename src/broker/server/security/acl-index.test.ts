import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Acl, CLUSTER_NAME } from '../../catalog/acl.ts'
import { AclOperation, AclPattern, AclPermission, AclResource } from '../../wire/acl-codes.ts'
import { AclIndex, bit } from './acl-index.ts'

const { READ, WRITE, DELETE, ALTER, DESCRIBE, ALTER_CONFIGS, DESCRIBE_CONFIGS, ALL, CREATE } =
  AclOperation
const { TOPIC, CLUSTER } = AclResource
const alice = { principal: 'User:alice', host: '10.0.0.1' }

/** Alice may read every topic that is called `orders`, unless it says otherwise. */
function rule(rest: Partial<Acl> = {}): Acl {
  return {
    resourceType: TOPIC,
    resourceName: 'orders',
    patternType: AclPattern.LITERAL,
    principal: alice.principal,
    host: '*',
    operation: READ,
    permissionType: AclPermission.ALLOW,
    ...rest,
  }
}

const deny = { permissionType: AclPermission.DENY }
const prefixed = { patternType: AclPattern.PREFIXED }

function indexOf(...acls: Acl[]): AclIndex {
  const index = new AclIndex()
  for (const acl of acls) index.add(acl)
  return index
}

function may(index: AclIndex, operation: number, name = 'orders', asker = alice): boolean {
  const { allowed, denied } = index.rightsOn(asker, TOPIC, name)
  return (allowed & ~denied & bit(operation)) !== 0
}

describe('an access rule', () => {
  it('allows its operation on its name to its principal, and nothing else', () => {
    const index = indexOf(rule())

    assert.ok(may(index, READ))
    assert.ok(!may(index, WRITE))
    assert.ok(!may(index, READ, 'orders2'))
    assert.ok(!may(index, READ, 'order'))
    assert.ok(!may(index, READ, 'orders', { ...alice, principal: 'User:bob' }))
    assert.ok(!may(index, READ, 'orders', { ...alice, principal: 'Group:alice' }))
    assert.equal(index.rightsOn(alice, AclResource.GROUP, 'orders').allowed, 0)
  })

  it('with a prefix is for every name that begins so, of whatever length', () => {
    const index = indexOf(
      rule({ ...prefixed, resourceName: 'or' }),
      rule({ ...prefixed, resourceName: 'bills.' }),
    )

    assert.ok(may(index, READ, 'or'))
    assert.ok(may(index, READ, 'orders'))
    assert.ok(may(index, READ, 'bills.2026'))
    assert.ok(!may(index, READ, 'bills'))
    assert.ok(!may(index, READ, 'o'))
  })

  it('for * is for every name, but as a prefix only for names that begin with *', () => {
    assert.ok(may(indexOf(rule({ resourceName: '*' })), READ, 'anything'))
    assert.ok(!may(indexOf(rule({ ...prefixed, resourceName: '*' })), READ, 'anything'))
  })

  it('for User:* is for everybody', () => {
    const index = indexOf(rule({ principal: 'User:*' }))

    assert.ok(may(index, READ, 'orders', { ...alice, principal: 'User:ANONYMOUS' }))
  })

  it('for a host is for who comes from there, however the address is written', () => {
    assert.ok(may(indexOf(rule({ host: '10.0.0.1' })), READ))
    assert.ok(!may(indexOf(rule({ host: '10.0.0.2' })), READ))
    assert.ok(may(indexOf(rule({ host: '::ffff:10.0.0.1' })), READ))
    const local = { ...alice, host: '::1' }
    assert.ok(may(indexOf(rule({ host: '0:0:0:0:0:0:0:1' })), READ, 'orders', local))
  })

  it('that denies wins over every one that allows, wherever either stands', () => {
    const allowed = rule({ operation: ALL, resourceName: '*' })
    for (const denying of [
      rule(deny),
      rule({ ...deny, operation: ALL }),
      rule({ ...deny, ...prefixed, resourceName: 'ord' }),
      rule({ ...deny, resourceName: '*' }),
      rule({ ...deny, principal: 'User:*' }),
      rule({ ...deny, host: '10.0.0.1' }),
    ]) {
      assert.ok(!may(indexOf(allowed, denying), READ), JSON.stringify(denying))
      assert.ok(!may(indexOf(denying, allowed), READ), JSON.stringify(denying))
    }
    assert.ok(may(indexOf(allowed, rule(deny)), WRITE))
    assert.ok(may(indexOf(allowed, rule({ ...deny, host: '10.0.0.2' })), READ))
  })

  it('that allows READ, WRITE, DELETE or ALTER allows DESCRIBE too', () => {
    for (const operation of [READ, WRITE, DELETE, ALTER, DESCRIBE, ALL]) {
      assert.ok(may(indexOf(rule({ operation })), DESCRIBE), String(operation))
    }
    for (const operation of [CREATE, ALTER_CONFIGS]) {
      assert.ok(!may(indexOf(rule({ operation })), DESCRIBE), String(operation))
    }
  })

  it('that allows ALTER_CONFIGS allows DESCRIBE_CONFIGS too', () => {
    assert.ok(may(indexOf(rule({ operation: ALTER_CONFIGS })), DESCRIBE_CONFIGS))
    assert.ok(!may(indexOf(rule({ operation: ALTER })), DESCRIBE_CONFIGS))
  })

  it('that denies READ does not deny DESCRIBE', () => {
    const index = indexOf(rule({ operation: WRITE }), rule(deny))

    assert.ok(may(index, DESCRIBE))
    assert.ok(!may(index, READ))
  })

  it('is forgotten when it is removed, and no other with it', () => {
    const index = indexOf(
      rule(),
      rule({ operation: WRITE }),
      rule({ ...prefixed, resourceName: 'o' }),
    )

    index.remove(rule())
    assert.ok(may(index, READ), 'the prefix still allows it')
    index.remove(rule({ ...prefixed, resourceName: 'o' }))

    assert.ok(!may(index, READ))
    assert.ok(may(index, WRITE))
    index.remove(rule({ operation: WRITE }))
    assert.deepEqual(index.rightsOn(alice, TOPIC, 'orders'), {
      allowed: 0,
      denied: 0,
      hasRules: false,
    })
  })

  it('is about a name also for whom it does not name', () => {
    const index = indexOf(rule({ principal: 'User:bob' }))

    assert.ok(index.rightsOn(alice, TOPIC, 'orders').hasRules)
    assert.ok(!index.rightsOn(alice, TOPIC, 'bills').hasRules)
    assert.ok(!index.rightsOn(alice, CLUSTER, CLUSTER_NAME).hasRules)
  })
})

// The cases of Kafka's own AuthorizerTest for authorizeByResourceType, in our words.
describe('something of a type may be written', () => {
  const write = rule({ operation: WRITE })
  const somewhere = (...acls: Acl[]) => indexOf(...acls).allowsSomewhere(alice, TOPIC, WRITE)

  it('when a rule allows it on a name, a prefix or everything', () => {
    assert.ok(somewhere(write))
    assert.ok(somewhere(rule({ ...prefixed, operation: WRITE })))
    assert.ok(somewhere(rule({ operation: ALL, resourceName: '*' })))
    assert.ok(!somewhere())
    assert.ok(!somewhere(rule({ operation: READ })))
    assert.ok(!somewhere(rule({ operation: WRITE, principal: 'User:bob' })))
    assert.ok(!somewhere(rule({ operation: WRITE, host: '10.0.0.2' })))
  })

  it('but not when everything is denied', () => {
    assert.ok(!somewhere(write, rule({ ...deny, operation: WRITE, resourceName: '*' })))
    assert.ok(!somewhere(write, rule({ ...deny, operation: ALL, resourceName: '*' })))
  })

  it('but not when each allowed name is denied by itself or by a prefix of it', () => {
    assert.ok(!somewhere(write, rule({ ...deny, operation: WRITE })))
    assert.ok(
      !somewhere(write, rule({ ...deny, ...prefixed, operation: WRITE, resourceName: 'o' })),
    )
    const allowedPrefix = rule({ ...prefixed, operation: WRITE, resourceName: 'orders' })
    assert.ok(
      !somewhere(
        allowedPrefix,
        rule({ ...deny, ...prefixed, operation: ALL, resourceName: 'ord' }),
      ),
    )
  })

  it('also when a longer prefix or one name below an allowed prefix is denied', () => {
    const allowedPrefix = rule({ ...prefixed, operation: WRITE, resourceName: 'ord' })
    assert.ok(somewhere(allowedPrefix, rule({ ...deny, operation: WRITE, resourceName: 'ord' })))
    assert.ok(
      somewhere(
        allowedPrefix,
        rule({ ...deny, ...prefixed, operation: WRITE, resourceName: 'orders' }),
      ),
    )
  })
})
