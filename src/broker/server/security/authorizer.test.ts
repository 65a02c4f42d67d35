import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Acl } from '../../catalog/acl.ts'
import type { CatalogChange } from '../../catalog/catalog-log.ts'
import { AclOperation, AclPattern, AclPermission, AclResource } from '../../wire/acl-codes.ts'
import type { LogFields } from '../json-log.ts'
import { Authorizer, type AuthorizerSettings, type Client } from './authorizer.ts'

const { READ, WRITE, DESCRIBE } = AclOperation
const { TOPIC } = AclResource

const aliceReads: Acl = {
  resourceType: TOPIC,
  resourceName: 'orders',
  patternType: AclPattern.LITERAL,
  principal: 'User:alice',
  host: '*',
  operation: READ,
  permissionType: AclPermission.ALLOW,
}

function user(name: string): Client {
  return { remoteAddress: '10.0.0.1:50000', principal: { type: 'User', name } }
}

function openAuthorizer({
  acls = [],
  superUsers = [],
  allowsWithoutAcl = false,
}: {
  acls?: readonly Acl[]
  superUsers?: readonly string[]
  allowsWithoutAcl?: boolean
} = {}) {
  let tell: (change: CatalogChange) => void = () => undefined
  const logged: LogFields[] = []
  let nowMs = 0
  const settings: AuthorizerSettings = { superUsers: new Set(superUsers), allowsWithoutAcl }
  const note = (_: string, fields: LogFields = {}) => void logged.push(fields)
  const authorizer = new Authorizer({
    catalog: {
      acls: () => acls,
      onChange: (listener) => {
        tell = listener
        return () => undefined
      },
    },
    settings,
    log: { info: note, warn: note, error: note },
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
  })
  return {
    authorizer,
    logged,
    tell: (change: CatalogChange) => tell(change),
    pass: (ms: number) => {
      nowMs += ms
    },
  }
}

describe('the authorizer', () => {
  it('closes what no rule is about, but not to super users', () => {
    const { authorizer } = openAuthorizer({ superUsers: ['User:root'] })

    assert.ok(!authorizer.accessOf(user('alice'), 'Fetch').may(READ, TOPIC, 'orders'))
    assert.ok(authorizer.accessOf(user('root'), 'Fetch').may(READ, TOPIC, 'orders'))
    assert.ok(authorizer.accessOf(user('root'), 'Fetch').maySomewhere(WRITE, TOPIC))
  })

  it('opens what no rule is about when the configuration says so, and nothing else', () => {
    const { authorizer } = openAuthorizer({ acls: [aliceReads], allowsWithoutAcl: true })
    const access = authorizer.accessOf(user('bob'), 'Fetch')

    assert.ok(access.may(READ, TOPIC, 'bills'))
    assert.ok(!access.may(READ, TOPIC, 'orders'), 'a rule is about it, if for another')
  })

  it('decides by the rules of the moment, also on a connection that it has answered before', () => {
    const { authorizer, tell } = openAuthorizer()
    const alice = user('alice')
    const access = authorizer.accessOf(alice, 'Fetch')
    assert.ok(!access.may(READ, TOPIC, 'orders'))
    assert.ok(!access.maySomewhere(READ, TOPIC))

    tell({ kind: 'acl-created', acl: aliceReads })
    assert.ok(access.may(READ, TOPIC, 'orders'))
    assert.ok(access.maySomewhere(READ, TOPIC))
    assert.ok(authorizer.accessOf(alice, 'Fetch').may(DESCRIBE, TOPIC, 'orders'))

    tell({ kind: 'acl-removed', acl: aliceReads })
    assert.ok(!access.may(READ, TOPIC, 'orders'))
  })

  it('decides by who is logged in now', () => {
    const { authorizer } = openAuthorizer({ acls: [aliceReads], superUsers: ['User:root'] })
    const connection = { ...user('bob') }
    assert.ok(!authorizer.accessOf(connection, 'Fetch').may(READ, TOPIC, 'orders'))

    connection.principal = { type: 'User', name: 'alice' }
    assert.ok(authorizer.accessOf(connection, 'Fetch').may(READ, TOPIC, 'orders'))

    connection.principal = { type: 'User', name: 'root' }
    assert.ok(authorizer.accessOf(connection, 'Fetch').may(WRITE, TOPIC, 'orders'))
    connection.principal = { type: 'User', name: 'bob' }
    assert.ok(!authorizer.accessOf(connection, 'Fetch').may(WRITE, TOPIC, 'orders'))
  })

  it('tells who waits of every change of the rules', () => {
    const { authorizer, tell } = openAuthorizer()
    let told = 0
    const stop = authorizer.onChange(() => told++)

    tell({ kind: 'broker-altered' })
    assert.equal(told, 0)
    tell({ kind: 'acl-created', acl: aliceReads })
    tell({ kind: 'acl-removed', acl: aliceReads })
    stop()
    tell({ kind: 'acl-created', acl: aliceReads })

    assert.equal(told, 2)
  })

  it('shows of the operations that a topic has those that are allowed', () => {
    const { authorizer } = openAuthorizer({ acls: [aliceReads] })
    const access = authorizer.accessOf(user('alice'), 'Metadata')

    assert.equal(access.operationsOn(TOPIC, 'orders'), (1 << READ) | (1 << DESCRIBE))
    assert.equal(access.operationsOn(TOPIC, 'bills'), 0)
  })
})

describe('the log of refusals', () => {
  it('says who was refused what, on what and by which API, and nothing of what was allowed', () => {
    const { authorizer, logged } = openAuthorizer({ acls: [aliceReads] })
    const access = authorizer.accessOf(user('alice'), 'Produce')

    access.may(READ, TOPIC, 'orders')
    access.mayQuietly(WRITE, TOPIC, 'bills')
    access.may(WRITE, TOPIC, 'orders')

    const refusal = {
      principal: 'User:alice',
      host: '10.0.0.1',
      operation: 'WRITE',
      resource: 'TOPIC:orders',
      api: 'Produce',
      repeated: undefined,
    }
    assert.deepEqual(logged, [refusal])
  })

  it('says the same refusal once in ten seconds, and then how often it happened', () => {
    const { authorizer, logged, pass } = openAuthorizer()
    const access = authorizer.accessOf(user('alice'), 'Fetch')

    for (let i = 0; i < 5; i++) access.may(READ, TOPIC, 'orders')
    access.may(READ, TOPIC, 'bills')
    pass(10_000)
    access.may(READ, TOPIC, 'orders')

    assert.deepEqual(
      logged.map(({ resource, repeated }) => [resource, repeated]),
      [
        ['TOPIC:orders', undefined],
        ['TOPIC:bills', undefined],
        ['TOPIC:orders', 4],
      ],
    )
  })
})
