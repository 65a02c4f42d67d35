// Kafka Connect in distributed mode: file source (exactly once) and file sink, their life through the
// REST API, two workers of which one is killed, and a broker that is killed.
import assert from 'node:assert/strict'
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { until } from '../../support/until.ts'
import { freePort } from '../broker.ts'
import { KafkaTools } from '../kafka-tool.ts'
import { conformanceLibraries, java, Program } from '../program.ts'
import { type Check, check, type Row, type Stage } from '../row.ts'

const DEADLINE_MS = 120_000
const SOURCE = 'file-source'
const SINK = 'file-sink'

export const connect: Row = {
  id: 'connect-distributed',
  group: 'Kafka Connect',
  software: 'connect-runtime, connect-file 4.3.1',
  what:
    'Distributed mode with file source (`exactly.once.source.support=enabled`) and file sink: internal ' +
    'topics, REST API, two workers of which one is killed, the broker killed',
  services: ['kafka', 'platform-4.3'],
  isQuick: true,
  run,
}

async function run(stage: Stage) {
  const { broker, folder } = stage
  const tools = new KafkaTools(broker.bootstrap)
  const lines = new Lines(join(folder, 'in.txt'), stage.size === 'quick' ? 300 : 5000)
  const copy = join(folder, 'out.txt')
  const hasAll = async () => {
    const there = new Set((await readFile(copy, 'utf8').catch(() => '')).split('\n'))
    return lines.written.every((line) => there.has(line))
  }
  const untilCopied = (worker: Worker) =>
    until(hasAll, { deadlineMs: DEADLINE_MS, what: worker.said })
  const checks: Check[] = []
  const step = async (name: string, body: () => Promise<unknown>) => {
    const done = await check(name, body)
    checks.push(done)
    return done.failure === undefined
  }
  const result = () => ({ checks, seen: `${lines.written.length} lines` })

  await tools.makeTopic('lines', 1)
  await lines.append()
  const first = await Worker.start(stage, 'first')
  if (!(await step('a worker starts', () => first.untilReady()))) return result()
  await step('its three internal topics are compacted', async () => {
    const described = await tools.run('topics', '--describe')
    for (const topic of ['configs', 'offsets', 'status']) {
      assert.match(described, new RegExp(`Topic: connect-${topic}\t.*cleanup.policy=compact`))
    }
  })
  await step('connectors are created', async () => {
    await first.create(SOURCE, {
      'connector.class': 'org.apache.kafka.connect.file.FileStreamSourceConnector',
      'exactly.once.support': 'required',
      topic: 'lines',
      file: lines.path,
    })
    await first.create(SINK, {
      'connector.class': 'org.apache.kafka.connect.file.FileStreamSinkConnector',
      topics: 'lines',
      file: copy,
      'consumer.override.isolation.level': 'read_committed',
    })
    await first.untilRunning()
  })
  if (!(await step('what is in the file comes out of the other', () => untilCopied(first)))) {
    return result()
  }
  await step('a paused connector reads nothing, a resumed one goes on', async () => {
    await first.put(`${SOURCE}/pause`)
    await first.untilState(SOURCE, 'PAUSED')
    await lines.append()
    assert.equal(await hasAll(), false)
    await first.put(`${SOURCE}/resume`)
    await untilCopied(first)
  })
  await step('a connector and its task are restarted', async () => {
    await first.post(`${SOURCE}/restart?includeTasks=true`)
    await lines.append()
    await untilCopied(first)
    await first.untilRunning()
  })
  const last =
    stage.size === 'quick' ? first : await replaceWorker({ stage, first, lines, untilCopied, step })
  await step('work goes on when the broker was killed', async () => {
    await lines.append()
    await broker.kill()
    await broker.start()
    await lines.append()
    await untilCopied(last)
  })
  await step('a stopped connector tells its offsets and forgets them', async () => {
    await last.put(`${SOURCE}/stop`)
    await last.untilState(SOURCE, 'STOPPED')
    const told = await last.get(`${SOURCE}/offsets`)
    assert.match(JSON.stringify(told), /"position":[1-9]/)
    await last.delete(`${SOURCE}/offsets`)
    assert.deepEqual(await last.get(`${SOURCE}/offsets`), { offsets: [] })
  })
  await step('connectors are deleted', async () => {
    for (const name of [SOURCE, SINK]) await last.delete(name)
    await until(async () => JSON.stringify(await last.get('')) === '[]', {
      deadlineMs: DEADLINE_MS,
    })
  })
  await step('the topic has every line exactly once and in order', async () => {
    const values = await tools.values('lines', '--isolation-level read_committed')
    assert.equal(values.join('\n'), lines.written.join('\n'))
  })
  return result()
}

/** Two workers, of which one is killed and comes back. @returns the one that stays */
async function replaceWorker(args: {
  stage: Stage
  first: Worker
  lines: Lines
  untilCopied: (worker: Worker) => Promise<void>
  step: (name: string, body: () => Promise<unknown>) => Promise<boolean>
}): Promise<Worker> {
  const { stage, first, lines, untilCopied, step } = args
  const second = await Worker.start(stage, 'second')
  await step('a second worker takes over half of the work', async () => {
    await second.untilReady()
    await until(async () => new Set(await first.owners()).size === 2, {
      deadlineMs: DEADLINE_MS,
      what: `two owners\n${second.said}`,
    })
    await lines.append()
    await untilCopied(first)
  })
  await step('the other one does all of it when one is killed', async () => {
    await lines.append()
    await first.program.kill()
    await lines.append()
    await until(async () => (await second.owners()).every((owner) => owner === second.address), {
      deadlineMs: DEADLINE_MS,
      what: `one owner\n${second.said}`,
    })
    await second.untilRunning()
    await untilCopied(second)
  })
  await step('a worker that was killed comes back', async () => {
    const back = await Worker.start(stage, 'third')
    await back.untilReady()
    await until(async () => new Set(await back.owners()).size === 2, {
      deadlineMs: DEADLINE_MS,
      what: `two owners\n${back.said}`,
    })
    await lines.append()
    await untilCopied(back)
    await back.program.stop()
  })
  return second
}

/** The file that the source reads. */
class Lines {
  readonly path: string
  readonly written: string[] = []
  readonly #count: number

  constructor(path: string, count: number) {
    this.path = path
    this.#count = count
  }

  async append(): Promise<void> {
    const first = this.written.length
    const lines = Array.from({ length: this.#count }, (_, index) => `line ${first + index}`)
    this.written.push(...lines)
    await appendFile(this.path, `${lines.join('\n')}\n`)
  }
}

class Worker {
  readonly program: Program
  /** As in the owners that its REST API names. */
  readonly address: string

  private constructor(program: Program, address: string) {
    this.program = program
    this.address = address
  }

  static async start(stage: Stage, name: string): Promise<Worker> {
    const address = `127.0.0.1:${await freePort()}`
    const path = join(stage.folder, `${name}.properties`)
    await writeFile(path, settings(stage.broker.bootstrap, address))
    const main = 'org.apache.kafka.connect.cli.ConnectDistributed'
    const program = new Program(java(conformanceLibraries('platform-4.3'), main, path))
    stage.atEnd(() => program.kill())
    return new Worker(program, address)
  }

  get said(): string {
    return this.program.lastWords()
  }

  untilReady(): Promise<void> {
    return this.#until('the worker answers', async () => {
      if (this.program.hasEnded) throw new Error(this.said)
      // Answers while it joins, and says so until it is a member.
      return (await fetch(`http://${this.address}/health`).catch(() => undefined))?.ok === true
    })
  }

  untilRunning(): Promise<void> {
    return this.#until('all running', async () => {
      const states = await Promise.all([SOURCE, SINK].map((name) => this.#status(name)))
      const parts = states.flatMap(({ connector, tasks }) => [connector, ...tasks])
      return parts.length === 4 && parts.every(({ state }) => state === 'RUNNING')
    })
  }

  untilState(name: string, state: string): Promise<void> {
    return this.#until(`${name} ${state}`, async () => {
      const { connector, tasks } = await this.#status(name)
      return [connector, ...tasks].every((part) => part.state === state)
    })
  }

  async owners(): Promise<string[]> {
    const states = await Promise.all([SOURCE, SINK].map((name) => this.#status(name)))
    return states.flatMap(({ connector, tasks }) =>
      [connector, ...tasks].map(({ worker_id }) => worker_id),
    )
  }

  create(name: string, config: Record<string, string>): Promise<unknown> {
    return this.#call('POST', '', { name, config: { 'tasks.max': '1', ...config } })
  }

  get = (path: string) => this.#call('GET', path)
  put = (path: string) => this.#call('PUT', path)
  post = (path: string) => this.#call('POST', path)
  delete = (path: string) => this.#call('DELETE', path)

  async #status(name: string): Promise<Status> {
    return (await this.#call('GET', `${name}/status`)) as Status
  }

  /** Asks again while the workers rebalance: 409, or 500 when the answer came too late. */
  async #call(method: string, path: string, body?: unknown): Promise<unknown> {
    let text = ''
    let status = 0
    await this.#until(`${method} ${path}`, async () => {
      const answer = await fetch(`http://${this.address}/connectors${path && `/${path}`}`, {
        method,
        headers: { 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
      text = await answer.text()
      status = answer.status
      return ![404, 409, 500, 503].includes(status)
    })
    if (status >= 400) throw new Error(`${method} ${path}: ${status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }

  async #until(what: string, condition: () => Promise<boolean>): Promise<void> {
    try {
      await until(condition, { deadlineMs: DEADLINE_MS, what })
    } catch (error) {
      throw new Error(`${error}\n${this.said}`)
    }
  }
}

interface Part {
  readonly state: string
  readonly worker_id: string
}

interface Status {
  readonly connector: Part
  readonly tasks: readonly Part[]
}

function settings(bootstrap: string, address: string): string {
  return `bootstrap.servers=${bootstrap}
group.id=connect
listeners=http://${address}
rest.advertised.host.name=${address.split(':')[0]}
rest.advertised.port=${address.split(':')[1]}
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
config.storage.topic=connect-configs
offset.storage.topic=connect-offsets
status.storage.topic=connect-status
config.storage.replication.factor=1
offset.storage.replication.factor=1
status.storage.replication.factor=1
exactly.once.source.support=enabled
connector.client.config.override.policy=All
offset.flush.interval.ms=1000
# Who was killed is missed after seconds, and its work isn't kept for its return.
session.timeout.ms=6000
heartbeat.interval.ms=1000
scheduled.rebalance.max.delay.ms=0
`
}
