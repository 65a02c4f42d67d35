// Kafka Streams counts words exactly once while the broker and the application are killed in turns.
// The application writes a count behind every word and has no cache, so the committed counts of each
// word must read 1, 2, 3, ... to the number of times that the word was sent: a lost word ends the row
// early, a word that was counted twice repeats a number or goes beyond.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { seededRandom } from '../../support/seeded-random.ts'
import { until } from '../../support/until.ts'
import { conformanceLibraries, java, Program, runProgram, toolLibraries } from '../program.ts'
import { check, type Row, type Stage } from '../row.ts'

const PARTITIONS = 4
const VOCABULARY = 50
const WORDS_OF_LINE = 4
const LINES_OF_ROUND = 200
const MIN_LIFE_MS = 300
const MAX_LIFE_MS = 2500
const DEADLINE_MS = 180_000

export function wordCount(args: {
  id: string
  version: string
  service: string
  isQuick: boolean
  kills: { quick: number; full: number }
}): Row {
  return {
    id: args.id,
    group: 'Kafka Streams',
    software: `kafka-streams ${args.version}`,
    what:
      'Word count with a repartition topic, a store and its changelog, `processing.guarantee=' +
      'exactly_once_v2`, while broker and application are killed (`kill -9`) in turns',
    services: [args.service, 'kafka'],
    isQuick: args.isQuick,
    run: (stage) => run(stage, conformanceLibraries(args.service), args.kills[stage.size]),
  }
}

async function run(stage: Stage, libraries: string, kills: number) {
  const { broker, seed } = stage
  const random = seededRandom(seed)
  await makeTopics(broker.bootstrap)
  const outside = new Outside(libraries, broker.bootstrap)
  stage.atEnd(() => outside.program.kill())
  const state = join(stage.folder, 'state')
  const startApp = () =>
    new Program(java(libraries, 'conformance.WordCount', broker.bootstrap, state))
  let app = startApp()
  stage.atEnd(() => app.kill())
  let replaced = 0
  const counts = { broker: 0, application: 0 }

  outside.send(linesOf(random))
  await outside.untilMore(1, app)
  for (let kill = 0; kill < kills; kill++) {
    const seenBefore = outside.seen
    outside.send(linesOf(random))
    await delay(MIN_LIFE_MS + random() * (MAX_LIFE_MS - MIN_LIFE_MS))
    if (kill % 2 === 0) {
      await broker.kill()
      await broker.start()
      counts.broker++
    } else {
      replaced += replacedIn(app)
      await app.kill()
      app = startApp()
      counts.application++
    }
    // A kill counts only when the application had come to work again after the one before.
    await outside.untilMore(seenBefore + 1, app)
  }
  outside.send(linesOf(random))
  await outside.untilAcknowledged()
  await outside.untilMore(outside.wordsSent, app)
  const committed = new Map(outside.counts)
  replaced += replacedIn(app)
  await app.stop()

  const again = new Outside(libraries, broker.bootstrap)
  stage.atEnd(() => again.program.kill())
  const checks = [
    await check('the committed counts of every word read 1, 2, 3, ... to its number', () => {
      assert.deepEqual(failuresOf(committed, outside.sent), [])
    }),
    await check('who reads all of it again afterwards is shown the same', async () => {
      await again.untilMore(outside.wordsSent, app)
      assert.deepEqual(failuresOf(again.counts, outside.sent), [])
    }),
    await check('the application ends by itself when asked, having done all', () => {
      assert.match(app.output, /^closed NOT_RUNNING$/m, app.lastWords(1000))
    }),
  ]
  const seen =
    `${kills} kills (${counts.broker} of the broker, ${counts.application} of the application), ` +
    `seed ${seed}; ${outside.linesSent} lines, ${outside.wordsSent} words; ` +
    `${replaced} threads replaced`
  return { checks, seen }
}

/** Feeds the application and follows its committed results through all the kills. */
class Outside {
  readonly program: Program
  /** How often each word was sent. */
  readonly sent = new Map<string, number>()
  /** The committed counts of each word, in the order of the log. */
  readonly counts = new Map<string, number[]>()
  linesSent = 0
  wordsSent = 0
  seen = 0
  #acknowledged = -1
  #lost: string | undefined

  constructor(libraries: string, bootstrap: string) {
    const command = java(libraries, 'conformance.Lines', bootstrap)
    this.program = new Program(command, { onLine: (line) => this.#read(line) })
  }

  send(lines: readonly string[]): void {
    this.program.write(`${lines.join('\n')}\n`)
    this.linesSent += lines.length
    for (const word of lines.flatMap((line) => line.split(' '))) {
      this.sent.set(word, (this.sent.get(word) ?? 0) + 1)
      this.wordsSent++
    }
  }

  async untilAcknowledged(): Promise<void> {
    this.program.write('\n')
    await this.#until(() => this.#acknowledged === this.linesSent, 'every line acknowledged')
  }

  async untilMore(seen: number, app: Program): Promise<void> {
    await this.#until(() => this.seen >= seen, `${seen} committed counts`, app)
  }

  async #until(condition: () => boolean, what: string, app?: Program): Promise<void> {
    try {
      await until(
        () => {
          if (this.#lost !== undefined) throw new Error(this.#lost)
          if (this.program.hasEnded) throw new Error(this.program.lastWords())
          return condition()
        },
        { deadlineMs: DEADLINE_MS, what },
      )
    } catch (error) {
      throw new Error(`${error}; ${this.seen} committed counts seen\n${app?.lastWords(40)}`)
    }
  }

  #read(line: string): void {
    const [kind, first, second] = line.split(' ')
    if (kind === 'count') {
      const numbers = this.counts.get(first!) ?? []
      this.counts.set(first!, numbers)
      numbers.push(Number(second))
      this.seen++
    } else if (kind === 'sent') {
      this.#acknowledged = Number(first)
    } else if (kind === 'lost') {
      this.#lost = line
    }
  }
}

function failuresOf(
  counts: ReadonlyMap<string, readonly number[]>,
  sent: ReadonlyMap<string, number>,
): string[] {
  const failures: string[] = []
  for (const word of new Set([...counts.keys(), ...sent.keys()])) {
    const numbers = counts.get(word) ?? []
    const wrong = numbers.findIndex((number, index) => number !== index + 1)
    if (wrong !== -1) failures.push(`${word}: ${numbers.slice(Math.max(0, wrong - 2), wrong + 3)}`)
    else if (numbers.length !== sent.get(word)) {
      failures.push(`${word}: counted ${numbers.length}, sent ${sent.get(word) ?? 0}`)
    }
  }
  return failures
}

function linesOf(random: () => number): string[] {
  const word = () => `word${Math.floor(random() ** 2 * VOCABULARY)}`
  return Array.from({ length: LINES_OF_ROUND }, () =>
    Array.from({ length: WORDS_OF_LINE }, word).join(' '),
  )
}

async function makeTopics(bootstrap: string): Promise<void> {
  for (const topic of ['lines', 'counts']) {
    const args = ['--create', '--topic', topic, '--partitions', String(PARTITIONS)]
    await runProgram(
      java(
        toolLibraries,
        'org.apache.kafka.tools.TopicCommand',
        '--bootstrap-server',
        bootstrap,
        ...args,
      ),
    )
  }
}

function replacedIn(app: Program): number {
  return app.output.split('thread replaced').length - 1
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
