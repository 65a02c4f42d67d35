// The answers of a real Kafka are in test/fixtures/access, written by test/access/record.ts.
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { questions, type Send } from '../../../../test/access/questions.ts'
import { ADMIN, type Heard, readRecorded, survey } from '../../../../test/access/survey.ts'
import { consumerGroupHeartbeat } from '../../protocol/68-consumer-group-heartbeat.ts'
import { consumerGroupDescribe } from '../../protocol/69-consumer-group-describe.ts'
import {
  type AclOperation,
  type AclResource,
  aclOperationName,
  aclResourceName,
} from '../../wire/acl-codes.ts'
import { ApiKey } from '../../wire/api-keys.ts'
import { RequestRefused } from '../dispatch.ts'
import { handlerFor, servedApis } from '../handler-table.ts'
import { openHandlerWorld, TEST_CONNECTION } from '../handler-test-world.ts'
import type { Access } from './access.ts'

const settings = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': `User:${ADMIN}`,
}

/** Where this broker answers something else, and why. */
const differences: Readonly<Record<string, string>> = {
  'add partitions to transactions, as a broker | nothing':
    'clients send this form too: they are asked for WRITE instead (decision 9)',
  'add partitions to transactions, as a broker | everything, and denied what it takes':
    'clients send this form too: they are asked for WRITE instead (decision 9)',
  'create access rules that stand for several | super user':
    'each is refused by itself (42), where Kafka fails the request as a whole (-1)',
  'list configured resources | super user': 'loggers are not configured here',
  'list configured resources | everything that it takes': 'loggers are not configured here',
}

describe('access to every API', () => {
  const asked = new Map<string, Set<string>>()
  let ours: Heard[] = []

  before(async () => {
    let api = ''
    const note = (operation: AclOperation, resourceType: AclResource) => {
      const questionsOfApi = asked.get(api) ?? new Set()
      asked.set(api, questionsOfApi)
      questionsOfApi.add(`${aclOperationName(operation)} ${aclResourceName(resourceType)}`)
    }
    const watchAccess = (access: Access) => watched(access, note)
    await using world = await openHandlerWorld({ settings, watchAccess })
    const broker = {
      as: async (name: string): Promise<Send> => {
        const connection = { ...TEST_CONNECTION, principal: { type: 'User', name } }
        return async (declared, version, body) => {
          api = declared.name
          try {
            return await world.send(connection, declared, version, body)
          } catch (error) {
            if (error instanceof RequestRefused) throw new Error('connection closed')
            throw error
          }
        }
      },
    }
    ours = await survey(broker, isServed)
    await describeReaders(await broker.as(ADMIN))
  })

  it('is what Kafka 4.3.1 gives, at every version and with each rule missing in turn', () => {
    const theirs = byVersion(recorded())

    const unlike = new Set<string>()
    for (const [asking, facts] of byVersion(ours)) {
      const who = asking.replace(/ v\d+$/, '')
      const isLike = JSON.stringify(facts) === JSON.stringify(theirs.get(asking))
      if (isLike || who in differences) continue
      unlike.add(
        `${asking}: ${JSON.stringify(facts)}, Kafka: ${JSON.stringify(theirs.get(asking))}`,
      )
    }

    assert.deepEqual([...unlike], [])
    assert.equal(theirs.size, byVersion(ours).size)
  })

  it('differs from Kafka where the list says so, and nowhere else', () => {
    const theirs = byVersion(recorded())

    const unlike = new Set<string>()
    for (const [asking, facts] of byVersion(ours)) {
      const isLike = JSON.stringify(facts) === JSON.stringify(theirs.get(asking))
      if (!isLike) unlike.add(asking.replace(/ v\d+$/, ''))
    }

    assert.deepEqual([...unlike].sort(), Object.keys(differences).sort())
  })

  it('is asked about, for every API that is served', () => {
    // A login is before all access; login.test.ts has it.
    const ofLogin = [ApiKey.SASL_HANDSHAKE, ApiKey.SASL_AUTHENTICATE]
    const covered = new Set<number>([...questions.map(({ api }) => api.key), ...ofLogin])

    const missing = servedApis.filter(({ apiKey }) => !covered.has(apiKey))

    assert.deepEqual(missing, [])
  })

  it('takes what the handler says, all of it and nothing else', () => {
    const wrong: unknown[] = []
    for (const { apiKey } of servedApis) {
      const { api, accessRule } = handlerFor(apiKey)!
      const does = [...(asked.get(api.name) ?? [])].sort()
      const says = [...accessRule.asks].sort()
      if (JSON.stringify(does) !== JSON.stringify(says)) wrong.push({ api: api.name, does, says })
    }

    assert.deepEqual(wrong, [])
  })

  it('is refused to a stranger by every API but those that are open', () => {
    const refusals = /_AUTHORIZATION_FAILED$/
    const isEmpty = /AuthorizedOperations (?:0|-2147483648)$/
    const open: string[] = []
    for (const { question, as, facts } of ours) {
      if (as !== 'nothing' || facts.some((fact) => refusals.test(fact))) continue
      // A list that is empty refuses as well: nothing is in it.
      if (facts.some((fact) => fact !== ' NONE' && !isEmpty.test(fact)))
        open.push(`${question}: ${facts.join(', ')}`)
    }

    assert.deepEqual(open, [])
  })
})

/** The survey describes groups without members; of those who read, the topics are asked about too. */
async function describeReaders(send: Send): Promise<void> {
  const groupIds = ['readers']
  await send(consumerGroupHeartbeat, 1, {
    groupId: 'readers',
    memberId: 'one',
    memberEpoch: 0,
    rebalanceTimeoutMs: 30_000,
    subscribedTopicNames: ['orders'],
    topicPartitions: [],
  })
  await send(consumerGroupDescribe, 1, { groupIds, includeAuthorizedOperations: false })
}

function isServed(apiKey: number): boolean {
  return handlerFor(apiKey) !== undefined
}

/** Also what is not served yet was asked of Kafka: it counts as soon as it is served. */
function recorded(): Heard[] {
  const served = new Set<string>()
  for (const { id, api } of questions) if (isServed(api.key)) served.add(id)
  return readRecorded().filter(({ question }) => served.has(question))
}

function byVersion(heard: readonly Heard[]): Map<string, readonly string[]> {
  const all = new Map<string, readonly string[]>()
  for (const { question, as, versions, facts } of heard) {
    for (let version = versions[0]; version <= versions[1]; version++) {
      all.set(`${question} | ${as} v${version}`, facts)
    }
  }
  return all
}

function watched(
  access: Access,
  note: (operation: AclOperation, resourceType: AclResource) => void,
): Access {
  return {
    may: (operation, type, name) => {
      note(operation, type)
      return access.may(operation, type, name)
    },
    mayQuietly: (operation, type, name) => {
      note(operation, type)
      return access.mayQuietly(operation, type, name)
    },
    mayOnCluster: (operation) => {
      note(operation, 4)
      return access.mayOnCluster(operation)
    },
    maySomewhere: (operation, type) => {
      note(operation, type)
      return access.maySomewhere(operation, type)
    },
    operationsOn: (type, name) => access.operationsOn(type, name),
  }
}
