// Puts every question to a broker, as everybody who asks it, at every version: the same for a real
// Kafka (record.ts) and for this broker (kafka-answers.test.ts).

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { ZERO_UUID } from '../../src/broker/bytes/uuid.ts'
import type { Acl } from '../../src/broker/catalog/acl.ts'
import { metadata } from '../../src/broker/protocol/03-metadata.ts'
import { offsetCommit } from '../../src/broker/protocol/08-offset-commit.ts'
import { findCoordinator } from '../../src/broker/protocol/10-find-coordinator.ts'
import { createTopics } from '../../src/broker/protocol/19-create-topics.ts'
import { initProducerId } from '../../src/broker/protocol/22-init-producer-id.ts'
import { addPartitionsToTxn } from '../../src/broker/protocol/24-add-partitions-to-txn.ts'
import { describeAcls } from '../../src/broker/protocol/29-describe-acls.ts'
import { createAcls } from '../../src/broker/protocol/30-create-acls.ts'
import { advertisedVersions } from '../../src/broker/protocol/versions.ts'
import {
  AclOperation,
  AclPattern,
  AclPermission,
  AclResource,
} from '../../src/broker/wire/acl-codes.ts'
import { ErrorCode, errorName } from '../../src/broker/wire/error-codes.ts'
import { until } from '../support/until.ts'
import { factsOf } from './answers.ts'
import { askersOf, type Question, questions, type Send, type TopicIds } from './questions.ts'

export const recordedPath = resolve(import.meta.dirname, '../fixtures/access/kafka-4.3.1.jsonl')

/** What somebody heard, the same for these versions. */
export interface Heard {
  readonly question: string
  readonly as: string
  readonly versions: readonly [first: number, last: number]
  readonly facts: readonly string[]
}

export interface Surveyed {
  /** As this user; the user `admin` may do everything. */
  as(user: string): Promise<Send>
}

export const ADMIN = 'admin'

interface Interview {
  readonly question: Question
  readonly who: string
  readonly user: string
}

const interviews: readonly (Interview & { readonly acls: readonly Acl[] })[] = questions.flatMap(
  (question, index) =>
    askersOf(question).map(({ who, isSuperUser, acls }, place) => {
      const user = isSuperUser ? ADMIN : `q${index}a${place}`
      const principal = `User:${user}`
      return { question, who, user, acls: acls.map((acl) => ({ ...acl, principal })) }
    }),
)

/** Everybody who asks, to be made before. */
export const users: readonly string[] = [...new Set(interviews.map(({ user }) => user))]

/** @param isServed which APIs, by key, are asked about */
export async function survey(
  broker: Surveyed,
  isServed: (apiKey: number) => boolean = () => true,
): Promise<Heard[]> {
  const ids = await prepare(await broker.as(ADMIN))
  const heard: Heard[] = []
  for (const interview of interviews) {
    if (!isServed(interview.question.api.key)) continue
    heard.push(...(await hear(interview, broker, ids)))
  }
  return heard
}

async function hear(
  { question, who, user }: Interview,
  broker: Surveyed,
  ids: TopicIds,
): Promise<Heard[]> {
  const { id, api, firstVersion, lastVersion } = question
  const [first, last] = advertisedVersions(api.key)!
  const heard: Heard[] = []
  let send = await broker.as(user)
  for (
    let version = Math.max(first, firstVersion);
    version <= Math.min(last, lastVersion);
    version++
  ) {
    let facts: string[]
    try {
      facts = factsOf(await question.ask(send, version, ids), ids)
    } catch (error) {
      if (!(error instanceof Error) || error.message !== 'connection closed') throw error
      facts = ['connection closed']
      send = await broker.as(user)
    }
    const before = heard.at(-1)
    if (before !== undefined && JSON.stringify(before.facts) === JSON.stringify(facts)) {
      heard[heard.length - 1] = { ...before, versions: [before.versions[0], version] }
    } else heard.push({ question: id, as: who, versions: [version, version], facts })
  }
  return heard
}

async function prepare(send: Send): Promise<TopicIds> {
  const names = ['orders', 'secret', 'third']
  await send(createTopics, 7, {
    topics: names.map((name) => ({
      name,
      numPartitions: 1,
      replicationFactor: 1,
      assignments: [],
      configs: [],
    })),
    timeoutMs: 10_000,
  })
  // Kafka makes the topics of its coordinators when somebody looks for one.
  for (const keyType of [0, 1]) {
    await accepted('coordinator', async () => {
      const request = { key: 'tx', keyType, coordinatorKeys: [] }
      return (await send(findCoordinator, 3, request)).errorCode
    })
  }
  await commit(send, 'team', ['orders', 'secret'])
  await commit(send, 'foes', ['secret'])
  await commit(send, 'lonely', ['orders', 'secret', 'third'])
  for (const transactionalId of ['tx', 'foreign']) {
    await begin(send, transactionalId, ['orders', 'secret'])
  }
  await makeRules(send)
  const { topics } = await send(metadata, 12, {
    topics: names.map((name) => ({ name, topicId: ZERO_UUID })),
    allowAutoTopicCreation: false,
    includeClusterAuthorizedOperations: false,
    includeTopicAuthorizedOperations: false,
  })
  const idOf = (wanted: string) => topics.find(({ name }) => name === wanted)!.topicId
  return { orders: idOf('orders'), secret: idOf('secret') }
}

async function commit(send: Send, groupId: string, topics: readonly string[]): Promise<void> {
  await accepted(`commit of ${groupId}`, async () => {
    const answer = await send(offsetCommit, 8, {
      groupId,
      memberId: '',
      topics: topics.map((name) => ({
        name,
        topicId: ZERO_UUID,
        partitions: [{ partitionIndex: 0, committedOffset: 0, committedMetadata: '' }],
      })),
    })
    const codes = answer.topics.flatMap(({ partitions }) => partitions.map((one) => one.errorCode))
    return codes.find((code) => code !== ErrorCode.NONE) ?? ErrorCode.NONE
  })
}

/** Leaves a transaction open. */
async function begin(send: Send, transactionalId: string, topics: readonly string[]) {
  let producer = { producerId: -1, producerEpoch: -1 }
  await accepted(`init ${transactionalId}`, async () => {
    const request = { transactionalId, transactionTimeoutMs: 900_000 }
    const { errorCode, ...given } = await send(initProducerId, 4, request)
    producer = given
    return errorCode
  })
  await accepted(`begin ${transactionalId}`, async () => {
    const { resultsByTopicV3AndBelow: results } = await send(addPartitionsToTxn, 3, {
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producer.producerId,
      v3AndBelowProducerEpoch: producer.producerEpoch,
      v3AndBelowTopics: topics.map((name) => ({ name, partitions: [0] })),
      transactions: [],
    })
    const codes = results.map((topic) => topic.resultsByPartition[0]!.partitionErrorCode)
    return codes.find((code) => code !== ErrorCode.NONE) ?? ErrorCode.NONE
  })
}

async function makeRules(send: Send): Promise<void> {
  const acls = interviews.flatMap((interview) => interview.acls)
  const { results } = await send(createAcls, 3, {
    creations: acls.map(({ patternType, ...acl }) => ({
      ...acl,
      resourcePatternType: patternType,
    })),
  })
  const wrong = results.find(({ errorCode }) => errorCode !== ErrorCode.NONE)
  if (wrong !== undefined) throw new Error(`${errorName(wrong.errorCode)}: ${wrong.errorMessage}`)
  // Kafka's authorizer learns of rules a moment after they were made.
  const count = new Set(acls.map((acl) => JSON.stringify(acl))).size
  await until(async () => (await countRules(send)) >= count)
}

async function countRules(send: Send): Promise<number> {
  const { resources } = await send(describeAcls, 3, {
    resourceTypeFilter: AclResource.ANY,
    resourceNameFilter: null,
    patternTypeFilter: AclPattern.ANY,
    principalFilter: null,
    hostFilter: null,
    operation: AclOperation.ANY,
    permissionType: AclPermission.ANY,
  })
  return resources.reduce((sum, { acls }) => sum + acls.length, 0)
}

/** Coordinators of a Kafka that has just been started are not there at once. */
async function accepted(what: string, attempt: () => Promise<number>): Promise<void> {
  let last = 0
  await until(async () => {
    last = await attempt()
    return last === ErrorCode.NONE
  }).catch((error: unknown) => {
    throw new Error(`${what}: ${errorName(last)}`, { cause: error })
  })
}

export function readRecorded(): Heard[] {
  return readFileSync(recordedPath, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}
