// The driver of kcat, a command line program: every verb is a run of it, and a member of a group is
// one that keeps running. kcat sets no timestamps, prints headers as text, gives all records of a run
// the same headers, and administers nothing.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  ClientError,
  type Driver,
  type JsonRecord,
  type MemberStatus,
  type Position,
  Unsupported,
  type Verb,
  type Verbs,
} from './contract.ts'
import type { ClientSecurity } from './security.ts'

const KEY_END = '~key~'
const RECORD_END = '~record~'
const PRINTED_END = '\n~printed~\n'
// Partition, offset, timestamp, length of key and of value (-1 is null), then the bytes themselves.
const READ_FORMAT = `%p %o %T %K %S\n%k%s%h${PRINTED_END}`

export class KcatDriver implements Driver {
  readonly isUsable = true
  readonly #bootstrap: string
  readonly #security: readonly string[]
  readonly #members = new Map<string, KcatMember>()

  constructor(bootstrap: string, security?: ClientSecurity) {
    this.#bootstrap = bootstrap
    this.#security = security === undefined ? [] : securityFlags(security)
  }

  async call<V extends Verb>(verb: V, args: Verbs[V][0]): Promise<Verbs[V][1]> {
    const handlers: Partial<{ [K in Verb]: (args: Verbs[K][0]) => Promise<Verbs[K][1]> }> = {
      hello: () => this.#hello(),
      produce: (args) => this.#produce(args),
      read: (args) => this.#read(args),
      offsetsForTime: (args) => this.#offsetsForTime(args),
      describeTopic: (args) => this.#describeTopic(args),
      join: async (args) => {
        this.#members.set(args.member, new KcatMember(this.#bootstrap, args))
        return {}
      },
      member: async ({ member }) => this.#members.get(member)!.status(),
      // kcat commits by itself what it has printed, every so often and when it ends.
      commit: async ({ member }) => this.#members.get(member)!.status(),
      leave: async ({ member }) => {
        const leaving = this.#members.get(member)!
        this.#members.delete(member)
        return leaving.leave()
      },
    }
    const handler = handlers[verb]
    if (handler === undefined) throw new Unsupported(`${verb}: kcat has no such mode`)
    return handler(args)
  }

  async close(): Promise<void> {
    for (const member of this.#members.values()) await member.leave()
  }

  async #hello(): Promise<Verbs['hello'][1]> {
    const { output } = await run(['-V'])
    const version = /Version ([\d.]+)/.exec(output.toString())![1]!
    const library = /librdkafka ([\d.]+)/.exec(output.toString())![1]!
    return { version: `${version}, librdkafka ${library}` }
  }

  async #produce(args: Verbs['produce'][0]): Promise<Verbs['produce'][1]> {
    const positions: Position[] = []
    for (const some of runsOfSameSettings(args.records)) {
      const [first] = some
      const flags = [
        '-P',
        ...this.#security,
        '-b',
        this.#bootstrap,
        '-t',
        args.topic,
        '-p',
        String(first!.partition),
      ]
      flags.push('-X', `client.id=${args.clientId}`, '-X', 'linger.ms=20', '-vvv')
      if (args.compression !== undefined) flags.push('-z', args.compression)
      if (args.idempotent !== undefined) flags.push('-X', `enable.idempotence=${args.idempotent}`)
      for (const [name, value] of first!.headers) {
        flags.push('-H', `${name}=${Buffer.from(value ?? '', 'base64')}`)
      }
      flags.push('-K', KEY_END, '-D', RECORD_END)
      const input = some.flatMap(({ key, value }, index) => [
        Buffer.from(index === 0 ? '' : RECORD_END),
        Buffer.from(key ?? '', 'base64'),
        Buffer.from(KEY_END),
        Buffer.from(value ?? '', 'base64'),
      ])
      const { errorOutput } = await run(flags, Buffer.concat(input))
      for (const [, partition, offset] of errorOutput.matchAll(
        /Message delivered to partition (\d+) \(offset (\d+)\)/g,
      )) {
        positions.push([Number(partition), Number(offset)])
      }
    }
    return { positions }
  }

  async #read(args: Verbs['read'][0]): Promise<Verbs['read'][1]> {
    const from = args.timestamp === undefined ? 'beginning' : `s@${args.timestamp}`
    const flags = ['-C', ...this.#security, '-b', this.#bootstrap, '-t', args.topic, '-o', from]
    const { output } = await run([...flags, '-e', '-q', '-f', READ_FORMAT])
    const wanted = new Set(args.partitions)
    return { records: parsePrinted(output).filter(({ partition }) => wanted.has(partition)) }
  }

  async #offsetsForTime(args: Verbs['offsetsForTime'][0]): Promise<Verbs['offsetsForTime'][1]> {
    const asked = args.partitions.flatMap((partition) => [
      '-t',
      `${args.topic}:${partition}:${args.timestamp}`,
    ])
    const { output } = await run(['-Q', '-b', this.#bootstrap, ...asked])
    const lines = output.toString().matchAll(/\[(\d+)\] offset (-?\d+)/g)
    return {
      positions: [...lines].map(([, partition, offset]) => [Number(partition), Number(offset)]),
    }
  }

  async #describeTopic({ topic }: { readonly topic: string }): Promise<Verbs['describeTopic'][1]> {
    const { output } = await run(['-L', '-J', '-b', this.#bootstrap, '-t', topic])
    const listed: { topics: { partitions: { partition: number; leader: number }[] }[] } =
      JSON.parse(output.toString())
    return {
      leaders: listed.topics[0]!.partitions.map(({ partition, leader }) => [partition, leader]),
    }
  }
}

class KcatMember {
  readonly #process: ChildProcess
  readonly #seen: Position[] = []
  #assigned: number[] = []
  #assignments = 0

  constructor(bootstrap: string, args: Verbs['join'][0]) {
    const flags = ['-G', args.group, '-b', bootstrap, '-u', '-f', '%p %o\n']
    flags.push('-X', 'auto.offset.reset=earliest', '-X', 'heartbeat.interval.ms=300')
    flags.push('-X', 'auto.commit.interval.ms=100', '-X', 'reconnect.backoff.max.ms=200')
    flags.push('-X', `client.id=${args.member}`)
    if (args.instanceId !== undefined) flags.push('-X', `group.instance.id=${args.instanceId}`)
    this.#process = spawn('kcat', [...flags, args.topic], { stdio: ['ignore', 'pipe', 'pipe'] })
    onLines(this.#process.stdout!, (line) => {
      const [partition, offset] = line.split(' ').map(Number)
      this.#seen.push([partition!, offset!])
    })
    onLines(this.#process.stderr!, (line) => this.#onMessage(line))
  }

  status(): MemberStatus {
    return { assigned: this.#assigned, assignments: this.#assignments, seen: [...this.#seen] }
  }

  async leave(): Promise<MemberStatus> {
    const last = this.status()
    const ended = once(this.#process, 'close')
    this.#process.kill('SIGTERM')
    await ended
    return { ...last, seen: [...this.#seen] }
  }

  #onMessage(line: string): void {
    const [, change, list] = /rebalanced.*: (assigned|revoked): (.*)/.exec(line) ?? []
    if (change === undefined || list === undefined) return
    const partitions = [...list.matchAll(/\[(\d+)\]/g)].map(([, partition]) => Number(partition))
    if (change === 'assigned') this.#assignments++
    this.#assigned = change === 'assigned' ? partitions : []
  }
}

function onLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = ''
  stream.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    for (const line of lines) onLine(line)
  })
}

/** librdkafka's names. */
function securityFlags(security: ClientSecurity): string[] {
  const settings = {
    'security.protocol': security.protocol,
    'sasl.mechanism': security.mechanism,
    'sasl.username': security.user,
    'sasl.password': security.password,
    'ssl.ca.location': security.caFile,
    'ssl.certificate.location': security.certificateFile,
    'ssl.key.location': security.keyFile,
  }
  return Object.entries(settings).flatMap(([name, value]) => {
    return value === undefined ? [] : ['-X', `${name}=${value}`]
  })
}

function runsOfSameSettings(records: readonly JsonRecord[]): JsonRecord[][] {
  const runs = new Map<string, JsonRecord[]>()
  for (const record of records) {
    const settings = JSON.stringify([record.partition, record.headers])
    const some = runs.get(settings) ?? []
    some.push(record)
    runs.set(settings, some)
  }
  return [...runs.values()]
}

function parsePrinted(output: Buffer): JsonRecord[] {
  const records: JsonRecord[] = []
  let at = 0
  while (at < output.length) {
    const lineEnd = output.indexOf('\n', at)
    const line = output.toString('utf8', at, lineEnd)
    const [partition, offset, timestamp, keySize, valueSize] = line.split(' ').map(Number)
    const keyAt = lineEnd + 1
    const valueAt = keyAt + Math.max(keySize!, 0)
    const headersAt = valueAt + Math.max(valueSize!, 0)
    const end = output.indexOf(PRINTED_END, headersAt)
    records.push({
      partition: partition!,
      offset: offset!,
      timestamp: timestamp!,
      key: keySize === -1 ? null : output.toString('base64', keyAt, valueAt),
      value: valueSize === -1 ? null : output.toString('base64', valueAt, headersAt),
      headers: parseHeaders(output.toString('latin1', headersAt, end)),
    })
    at = end + PRINTED_END.length
  }
  return records
}

function parseHeaders(printed: string): [string, string | null][] {
  if (printed === '') return []
  return printed.split(',').map((header) => {
    const nameEnd = header.indexOf('=')
    const value = header.slice(nameEnd + 1)
    const isNull = value === 'NULL'
    return [
      header.slice(0, nameEnd),
      isNull ? null : Buffer.from(value, 'latin1').toString('base64'),
    ]
  })
}

interface Outcome {
  readonly output: Buffer
  readonly errorOutput: string
}

async function run(flags: readonly string[], input?: Buffer): Promise<Outcome> {
  const child = spawn('kcat', flags, { stdio: ['pipe', 'pipe', 'pipe'], timeout: 30_000 })
  const output: Buffer[] = []
  let errorOutput = ''
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errorOutput += text
  })
  child.stdin.end(input)
  const [code] = await once(child, 'close')
  if (code !== 0) throw new ClientError(`kcat ended with ${code}: ${errorOutput}`)
  return { output: Buffer.concat(output), errorOutput }
}
