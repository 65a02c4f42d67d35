// Reads commands as JSON lines and answers each with one JSON line, for both JavaScript clients.
// The contract is test/clients/README.md. Nothing is judged here: every check is made by the runner.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { JsonRecord, Position } from '../contract.ts'
import type { ClientSecurity } from '../security.ts'

/** The arguments of every verb; which of them a verb reads is in the contract. */
export interface Command {
  readonly id: number
  readonly verb: string
  readonly topic: string
  readonly into: string
  readonly transactionalId: string
  readonly ends: 'commit' | 'abort'
  readonly clientId: string
  readonly compression?: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'
  readonly idempotent?: boolean
  readonly records: readonly JsonRecord[]
  /** The partitions to read, or how many a new topic has. */
  readonly partitions: readonly number[] | number
  readonly timestamp?: number
  readonly count: number
  readonly timeoutMs: number
  readonly member: string
  readonly group: string
  readonly instanceId?: string
  readonly pattern?: string
  readonly configs?: Readonly<Record<string, string>>
  readonly total: number
  readonly partition: number
  readonly before: number
}

export type Verb = (command: Command) => Promise<object | undefined> | object | undefined

export const bootstrap = process.argv[2] ?? ''

const securityText = process.env['MILLRACE_CLIENT_SECURITY']

/** What protects connections; undefined: nothing. */
export const security: ClientSecurity | undefined =
  securityText === undefined ? undefined : JSON.parse(securityText)

/** Node's options of TLS. */
export function tlsOptions({ caFile, certificateFile, keyFile }: ClientSecurity) {
  const read = (path: string) => readFileSync(path, 'utf8')
  return {
    ca: read(caFile),
    ...(certificateFile !== undefined && { cert: read(certificateFile) }),
    ...(keyFile !== undefined && { key: read(keyFile) }),
  }
}

export async function serve(verbs: Readonly<Record<string, Verb>>): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const command: Command = JSON.parse(line)
    process.stdout.write(
      `${JSON.stringify({ id: command.id, ...(await answer(verbs, command)) })}\n`,
    )
  }
  process.exit(0)
}

async function answer(verbs: Readonly<Record<string, Verb>>, command: Command): Promise<object> {
  const verb = verbs[command.verb]
  if (verb === undefined) return { unsupported: 'no such verb' }
  try {
    return { result: (await verb(command)) ?? {} }
  } catch (error) {
    return { error: describe(error) }
  }
}

function describe(error: unknown): string {
  if (error instanceof AggregateError) return `${error}: ${error.errors.map(describe).join(', ')}`
  if (error instanceof Error && 'serverErrorMessage' in error && error.serverErrorMessage) {
    const { apiId, apiCode } = error as Error & { apiId?: unknown; apiCode?: unknown }
    return `${error} (${apiId}, ${apiCode}): ${error.serverErrorMessage}`
  }
  if (error instanceof Error && error.cause !== undefined) {
    return `${error}: ${describe(error.cause)}`
  }
  return String(error)
}

/** The installed version of a package. */
export function versionOf(name: string): string {
  const manifest = join(import.meta.dirname, 'node_modules', name, 'package.json')
  return JSON.parse(readFileSync(manifest, 'utf8')).version
}

export function bytes(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text, 'base64')
}

export function base64(value: Buffer | null | undefined): string | null {
  return value == null ? null : value.toString('base64')
}

export function partitionList(command: Command): readonly number[] {
  return typeof command.partitions === 'number' ? [] : command.partitions
}

/** Positions of records that were sent as one batch for each partition, from the batches' bases. */
export function positionsFrom(
  records: readonly JsonRecord[],
  baseOffsets: ReadonlyMap<number, number>,
): Position[] {
  const next = new Map(baseOffsets)
  return records.map(({ partition }) => {
    const offset = next.get(partition) ?? Number.NaN
    next.set(partition, offset + 1)
    return [partition, offset] as const
  })
}

/** Waits until `isDone`, or until `timeoutMs` is over. */
export async function waitUntil(isDone: () => boolean, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!isDone() && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
