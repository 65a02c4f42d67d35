// An event store, written to and read by clients that know nothing of it: a header on an ordinary record
// says which version its stream must be at. What a client shows its user of a refusal is in `refusals`.
import assert from 'node:assert/strict'
import { buildBatch } from '../../../src/broker/batch/builder.ts'
import { produce as produceApi } from '../../../src/broker/protocol/00-produce.ts'
import { KafkaClient } from '../../support/kafka-client.ts'
import { produceRequest } from '../../support/test-broker.ts'
import { TransactionalProducer } from '../../support/transactional-producer.ts'
import { until } from '../../support/until.ts'
import type { Ability, Bench } from '../ability.ts'

const READ_TIMEOUT_MS = 20_000
/** Of Produce: it begins the transaction by itself. */
const FIRST_OF_TRANSACTIONS_V2 = 12
const STREAM = 'account-7'
const EXPECTED_VERSION = 'millrace-expected-version'
const VERSION = 'millrace-version'
/** Stands for the broker's sentence, which some clients show. */
const REASON = 'SENTENCE'

const GENERIC = 'This record has failed the validation on'

export interface ShownRefusal {
  readonly client: string
  /** Part of what the client says, with `SENTENCE` where it has the broker's sentence. */
  readonly says: string
  readonly hasReason: boolean
  /** How a program knows it. */
  readonly about: string
}

export const refusals: readonly ShownRefusal[] = [
  ...['java-3.9', 'java-4.3'].map((client) => ({
    client,
    says: `InvalidRecordException: ${REASON}`,
    about: 'the class of the exception that `send()` fails with, its message is the sentence',
  })),
  {
    client: 'kcat',
    says: 'Delivery failed for message: Broker: Broker failed to validate record',
    about: 'that line, and the exit code 1',
  },
  {
    client: 'confluent-kafka',
    says: 'KafkaError{code=INVALID_RECORD,val=87,str="Broker: Broker failed to validate record"}',
    about: '`code()` of the error that the delivery callback is given is 87',
  },
  {
    client: 'kafka-python-2.0.2',
    says: '[Error -1] UnknownError',
    about: 'knows no code 87: any other answer that it does not know looks the same',
  },
  {
    client: 'kafka-python-3',
    says: `[Error 87] InvalidRecordError: ${REASON}`,
    about: 'the class of the exception, its message has the sentence',
  },
  {
    client: 'franz-go',
    says: `INVALID_RECORD: ${GENERIC} the broker and hence been rejected.`,
    about: 'the error is `kerr.InvalidRecord`',
  },
  {
    client: 'sarama',
    says: `kafka server: ${GENERIC} broker and hence will be rejected`,
    about: 'the error is `sarama.ErrInvalidRecord`',
  },
  {
    client: 'platformatic',
    says: 'Error PLT_KFK_MULTIPLE: Producing messages failed.',
    hasReason: true,
    about:
      'among the nested `errors` is one whose `apiCode` is 87 and whose `serverErrorMessage` is the sentence',
  },
  {
    client: 'kafkajs',
    says: `KafkaJSProtocolError: ${GENERIC} broker and hence be rejected`,
    about: '`code` of the error is 87, `type` is `INVALID_RECORD`',
  },
].map((refusal) => ({ hasReason: refusal.says.includes(REASON), ...refusal }))

function produce({ driver, name }: Bench, topic: string, expectedVersion?: string) {
  const headers =
    expectedVersion === undefined ? [] : [[EXPECTED_VERSION, base64(expectedVersion)] as const]
  const records = [{ partition: 0, key: base64(STREAM), value: base64('{}'), headers }]
  return driver.call('produce', { topic, clientId: name('writer'), records })
}

async function newStore({ probe, name }: Bench, what: string): Promise<string> {
  const topic = name(what)
  await probe.createTopic(topic, 1, { 'millrace.store': 'true' })
  return topic
}

const appends: Ability = {
  name: 'event store: appends with an expected version, and sees versions',
  step: 'first',
  onlyOn: 'millrace',
  attempt: async (bench) => {
    const topic = await newStore(bench, 'store')

    for (const expectedVersion of ['none', '0', 'exists', 'any', undefined]) {
      await produce(bench, topic, expectedVersion)
    }

    const { records } = await bench.driver.call('read', {
      topic,
      partitions: [0],
      count: 5,
      timeoutMs: READ_TIMEOUT_MS,
    })
    assert.deepEqual(
      records.map(({ headers }) => headers),
      [0, 1, 2, 3, 4].map((version) => [[VERSION, base64(`${version}`)]]),
    )
  },
}

const refused: Ability = {
  name: 'event store: is told that its append came too late',
  step: 'first',
  onlyOn: 'millrace',
  attempt: async (bench) => {
    const topic = await newStore(bench, 'late')
    const { says, hasReason } = refusals.find(({ client }) => client === bench.client.id)!
    const reason = `Stream ${STREAM} of store ${topic} is at version 1, expected 0: reload and decide again.`
    await produce(bench, topic, 'none')
    await produce(bench, topic, '0')
    const sent = () => bench.link.produced(bench.name('writer'))
    const before = sent()

    await assert.rejects(produce(bench, topic, '0'), ({ message }: Error) => {
      assert.ok(message.includes(says.replace(REASON, reason)), message)
      assert.equal(message.includes(reason), hasReason, message)
      return true
    })

    assert.equal(sent() - before, 1, 'it did not try again')
    assert.equal(await bench.probe.endOffset(topic, 0), 2, 'nothing was written')
    await produce(bench, topic, '1')
    assert.equal(await bench.probe.endOffset(topic, 0), 3)
  },
}

const waits: Ability = {
  name: "event store: waits for another's open transaction, and gets in behind it",
  step: 'first',
  onlyOn: 'millrace',
  attempt: async (bench) => {
    const topic = await newStore(bench, 'busy')
    await using other = await KafkaClient.connect(bench.probe.address)
    const transaction = new TransactionalProducer(other, { transactionalId: bench.name('other') })
    await transaction.init()
    await begin(other, transaction, topic)
    const sent = () => bench.link.produced(bench.name('writer'))
    const before = sent()

    const writing = produce(bench, topic)
    await until(() => sent() - before > 1, { what: 'a second try' })
    assert.equal(await transaction.end(true), 0)
    await writing

    assert.equal(await bench.probe.endOffset(topic, 0), 3, 'behind the event and its marker')
  },
}

async function begin(
  client: KafkaClient,
  { transactionalId, producerId, producerEpoch }: TransactionalProducer,
  topic: string,
): Promise<void> {
  const records = buildBatch({
    records: [{ timestamp: Date.now(), key: Buffer.from(STREAM), value: Buffer.from('{}') }],
    ...{ producerId, producerEpoch, baseSequence: 0, isTransactional: true },
  })
  const request = { ...produceRequest(topic, records), transactionalId }
  const { responses } = await client.send(produceApi, FIRST_OF_TRANSACTIONS_V2, request)
  assert.equal(responses[0]?.partitionResponses[0]?.errorCode, 0)
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

export const storeAbilities: readonly Ability[] = [appends, refused, waits]
