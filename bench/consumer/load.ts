// One step of the consumer suite in a process of its own; its arguments are a ConsumerTask as JSON:
// events that are published, and then consumed by our runtime or by a bare loop over
// @platformatic/kafka that parses and validates them with the same schema and commits every second.
import {
  Admin,
  type Message,
  Consumer as PlatformaticConsumer,
  ProduceAcks,
  Producer,
} from '@platformatic/kafka'
import { connect } from '../../src/sdk/app/connect.ts'
import { consumer } from '../../src/sdk/messaging/consumer.ts'
import { kafka } from '../../src/transports/kafka/kafka.ts'
import { closedLoop } from '../load/closed-loop.ts'
import { CpuMeter } from './cpu-meter.ts'
import {
  type Order,
  OrderCheck,
  orderAt,
  orderSchema,
  orders,
  PARTITIONS,
  plainOrders,
  published,
} from './orders.ts'

const COMMIT_EVERY_MS = 1000
/** Under way at once while topics are filled, so that batches are of the size that producers send. */
const FILLED_AT_ONCE = 200
/**
 * The bare loop at its best: the library looks for each field of a record in the list of pieces that an
 * answer came in, and answers of this size come in few. With its own 10 MB an event costs half as much again.
 */
const BARE_FETCH_BYTES = 64 * 1024
/** With it an event is about 1 KB. */
const LONG_NOTE = 800

/** Events with the headers of the SDK, or plain messages. */
export type Form = 'events' | 'plain'
export type Ordering = 'key' | 'partition'

export type ConsumerTask = { readonly bootstrap: string; readonly seconds: number } & (
  | { readonly kind: 'fill'; readonly events: number; readonly form: Form }
  | ({ readonly events: number; readonly group: string; readonly form: Form } & (
      | { readonly kind: 'runtime'; readonly order: Ordering }
      | { readonly kind: 'bare' }
    ))
  | { readonly kind: 'publish' | 'send'; readonly callers: number }
)
type Of<Kind extends ConsumerTask['kind']> = Extract<ConsumerTask, { kind: Kind }>

if (import.meta.main) {
  const task = JSON.parse(process.argv[2]!) as ConsumerTask
  console.log(JSON.stringify(await run(task)))
  process.exit(0)
}

function run(task: ConsumerTask): Promise<Record<string, number>> {
  switch (task.kind) {
    case 'fill':
      return fill(task)
    case 'runtime':
      return consumeWithRuntime(task)
    case 'bare':
      return consumeBare(task)
    case 'publish':
      return publish(task)
    case 'send':
      return send(task)
  }
}

function fill(task: Of<'fill'>): Promise<Record<string, number>> {
  return task.form === 'plain' ? fillPlain(task) : fillEvents(task)
}

async function fillEvents({ bootstrap, events }: Of<'fill'>): Promise<Record<string, number>> {
  const broker = kafka({ brokers: bootstrap })
  await using app = await connect({ service: 'bench', broker, topics: [orders] })
  const { OrderChanged } = orders.events
  const sent: Promise<unknown>[] = []
  for (let index = 0; index < events; index++) {
    sent.push(app.publish(OrderChanged(orderAt(index))))
    if (sent.length === FILLED_AT_ONCE) await Promise.all(sent.splice(0))
  }
  await Promise.all(sent)
  return { events }
}

async function fillPlain({ bootstrap, events }: Of<'fill'>): Promise<Record<string, number>> {
  const { name } = plainOrders
  const admin = new Admin({ bootstrapBrokers: [bootstrap], clientId: 'bench' })
  await admin.createTopics({ topics: [name], partitions: PARTITIONS, replicas: 1 })
  await admin.close()
  const producer = plainProducer(bootstrap)
  for (let from = 0; from < events; from += FILLED_AT_ONCE) {
    const count = Math.min(FILLED_AT_ONCE, events - from)
    const messages = Array.from({ length: count }, (_, index) =>
      messageOf(name, orderAt(from + index)),
    )
    await producer.send({ messages, acks: ProduceAcks.ALL })
  }
  await producer.close()
  return { events }
}

async function consumeWithRuntime(task: Of<'runtime'>): Promise<Record<string, number>> {
  const meter = new CpuMeter(task.events)
  const check = new OrderCheck()
  const definition = consumer(task.group, {
    from: task.form === 'plain' ? plainOrders : orders,
    startAt: 'earliest',
    otherwise: 'stop',
    order: task.order,
    retry: { attempts: 1 },
    whenExhausted: 'stop',
    on: {
      OrderChanged: ({ data }) => {
        check.see(data)
        meter.count(check.count)
      },
    },
  })
  const app = await connect({
    service: 'bench',
    broker: kafka({ brokers: task.bootstrap }),
    run: [definition],
    onNotification: (notification) => {
      if (notification.kind === 'stopped') meter.fail(new Error(JSON.stringify(notification)))
    },
  })
  const result = await meter.result
  await app.close()
  return result
}

async function consumeBare(task: Of<'bare'>): Promise<Record<string, number>> {
  const meter = new CpuMeter(task.events)
  const check = new OrderCheck()
  const bare = new PlatformaticConsumer({
    bootstrapBrokers: [task.bootstrap],
    clientId: 'bench',
    groupId: task.group,
    autocommit: COMMIT_EVERY_MS,
  })
  const { name } = task.form === 'plain' ? plainOrders : orders
  const stream = await bare.consume({
    topics: [name],
    mode: 'earliest',
    maxBytes: BARE_FETCH_BYTES,
  })
  for await (const message of stream as AsyncIterable<Message<Buffer, Buffer, Buffer, Buffer>>) {
    check.see(orderSchema.parse(JSON.parse(message.value.toString())))
    meter.count(check.count)
    if (check.count === task.events) break
  }
  const result = await meter.result
  await bare.close(true)
  return result
}

async function publish({ bootstrap, ...loop }: Of<'publish' | 'send'>) {
  const broker = kafka({ brokers: bootstrap })
  await using app = await connect({ service: 'bench', broker, topics: [published] })
  const { OrderPublished } = published.events
  let index = 0
  return await closedLoop(loop, async () => {
    await app.publish(OrderPublished(orderAt(index++, LONG_NOTE)))
  })
}

/**
 * What a program does that has no SDK: one message, sent and awaited. Not idempotent, as the library
 * comes: when it is, it has one request under way to each broker (its `maxInflights` is 1 then), and each
 * send is a request.
 */
async function send({ bootstrap, ...loop }: Of<'publish' | 'send'>) {
  await makeTopic(bootstrap)
  const producer = plainProducer(bootstrap)
  let index = 0
  const result = await closedLoop(loop, async () => {
    const messages = [messageOf(published.name, orderAt(index++, LONG_NOTE))]
    await producer.send({ messages, acks: ProduceAcks.ALL })
  })
  await producer.close()
  return result
}

function plainProducer(bootstrap: string): Producer<Buffer, Buffer, Buffer, Buffer> {
  return new Producer({ bootstrapBrokers: [bootstrap], clientId: 'bench' })
}

function messageOf(topic: string, order: Order) {
  return { topic, key: Buffer.from(order.orderId), value: Buffer.from(JSON.stringify(order)) }
}

async function makeTopic(bootstrap: string): Promise<void> {
  const broker = kafka({ brokers: bootstrap })
  const app = await connect({ service: 'bench', broker, topics: [published] })
  await app.close()
}
