// Apache Kafka for the tests of file formats: started on a folder, filled by KafkaFolders.java, asked
// about what it holds, stopped. As a program it records what `npm test` compares without Java:
//
//   node test/kafka-tools/kafka-folders.ts

import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { answersOf, committedOf, type PartitionAnswers } from '../support/partition-answers.ts'

const services = resolve(import.meta.dirname, '../../scripts/services')
/** Below those that the system hands out, one of which may be in use at any moment. */
const PORT = 29192
export const KAFKA_ADDRESS = { host: '127.0.0.1', port: PORT }
export const FIXTURE = resolve(import.meta.dirname, '../fixtures/kafka-folders/kafka-4.3.1.json.gz')
export const TOPICS = ['mixed', 'segments', 'trimmed', 'compacted'] as const
export const GROUPS = ['set', 'readers'] as const

export interface Answers {
  readonly partitions: Record<string, PartitionAnswers>
  readonly committed: Record<string, readonly string[]>
}

export interface Fixture {
  /** Path below Kafka's log folder to base64. */
  readonly files: Record<string, string>
  readonly answers: Answers
}

export async function everyAnswerOf(address: { host: string; port: number }): Promise<Answers> {
  const partitions = await answersOf(address, TOPICS)
  return { partitions, committed: await committedOf(address, GROUPS) }
}

export function prepareKafka(): void {
  execFileSync(services, ['prepare', 'kafka'], { stdio: 'inherit' })
}

export function startKafka(data: string): void {
  // Not a pipe: Kafka would inherit it and hold it open.
  const args = ['start', 'kafka', '--port', String(PORT), '--data', data]
  execFileSync(services, args, { stdio: ['ignore', 'ignore', 'inherit'] })
}

export function stopKafka(data: string): void {
  execFileSync(services, ['stop', 'kafka', '--data', data], { stdio: 'inherit' })
}

/** Runs a class of Kafka's, or one of our Java files. @returns what it printed */
export async function java(main: string, ...args: readonly string[]): Promise<string> {
  const kafka = execFileSync(services, ['path', 'kafka'], { encoding: 'utf8' }).trim()
  const program = main.endsWith('.java') ? join(import.meta.dirname, main) : main
  const options = ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-Dlog4j2.level=OFF']
  const { stdout } = await promisify(execFile)(
    'java',
    [...options, '-cp', `${kafka}/lib/*`, program, ...args],
    { maxBuffer: 64 * 1024 * 1024 },
  )
  return stdout
}

export async function writeByKafka(data: string): Promise<Answers> {
  startKafka(data)
  try {
    const { host, port } = KAFKA_ADDRESS
    await java('KafkaFolders.java', 'write', `${host}:${port}`)
    return await everyAnswerOf(KAFKA_ADDRESS)
  } finally {
    stopKafka(data)
  }
}

async function record(): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), 'millrace-kafka-folders-'))
  try {
    prepareKafka()
    const answers = await writeByKafka(data)
    const files: Record<string, string> = {}
    const log = join(data, 'log')
    const wanted = new RegExp(`^((${TOPICS.join('|')}|__consumer_offsets)-\\d+/|log-start)`)
    for (const name of readdirSync(log, { recursive: true, encoding: 'utf8' }).sort()) {
      if (!wanted.test(name)) continue
      files[name] = readFileSync(join(log, name)).toString('base64')
    }
    const fixture: Fixture = { files, answers }
    writeFileSync(FIXTURE, gzipSync(JSON.stringify(fixture), { level: 9 }))
  } finally {
    rmSync(data, { recursive: true })
  }
}

if (import.meta.main) await record()
