// Writes docs/compatibility.md from the table of served APIs and the headers of their handlers, so
// that the page cannot say anything else than the code. A test holds the file to it:
//
//   node scripts/compatibility-docs.ts

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { apiTable } from '../src/broker/protocol/api-table.ts'
import { advertisedVersions } from '../src/broker/protocol/versions.ts'
import { handlerFor, servedApis } from '../src/broker/server/handler-table.ts'
import { ApiKey } from '../src/broker/wire/api-keys.ts'

export const compatibilityDocsPath = resolve(import.meta.dirname, '../docs/compatibility.md')

const handlersFolder = resolve(import.meta.dirname, '../src/broker/server/handlers')

/** What a handler's header says, a sentence or more each. */
export interface HandlerHeader {
  readonly apiKey: number
  readonly versions: string
  readonly behaviour: string
  readonly differs: string
}

export function renderCompatibilityDocs(): string {
  const headers = new Map(readHandlerHeaders().map((header) => [header.apiKey, header]))
  const served = [...servedApis].sort((a, b) => a.apiKey - b.apiKey)
  const servedKeys = new Set(served.map(({ apiKey }) => apiKey))
  const missing = Object.entries(ApiKey).filter(
    ([, key]) => !servedKeys.has(key) && advertisedVersions(key) !== undefined,
  )

  return `# Compatibility

Millrace speaks the protocol of Apache Kafka 4.3.1, as a cluster of one node. For every API that it serves it advertises exactly the versions that this release advertises, and what is advertised works at every version. [clients.md](clients.md) shows which clients have been tried, and with what result; [configuration.md](configuration.md) lists every key with what it does here. This page is written by \`node scripts/compatibility-docs.ts\` from the handlers themselves.

## What is different on purpose

- **\`acks=all\` means synced.** It is answered once the batch is on the disk; Kafka answers from memory and relies on other nodes. \`acks=1\` is answered after the write to the operating system, \`acks=0\` never.
- **What can be read is synced.** The high watermark is the end of what is durable, so a record that was written with \`acks\` 0 or 1 can be fetched a moment later than in Kafka, and no consumer ever sees a record that a power cut could take back.
- **One node.** Node id 1 leads every partition. A replication factor above 1 is refused (38), unless \`--accept-any-replication-factor\` is given, for development.
- **The leader epoch** is one number for all partitions and rises after every unclean stop ([decision 4](decisions/0004-one-global-leader-epoch.md)).
- **A full disk** refuses appends with 56, which clients retry, until there is space again; all else goes on ([decision 7](decisions/0007-space-reserve.md)). Kafka takes the data folder offline, and with only one ends.
- **int64 values beyond 2^53-1** in magnitude are refused as malformed, except where Kafka's clients use the largest long for "no limit" ([decision 2](decisions/0002-int64-as-number.md)).
- **Compaction** looks for overdue records by itself: \`max.compaction.lag.ms\` and \`segment.ms\` close the active segment of a compacted topic also when nothing is appended. The last five batches of a producer stay as headers, not the last one alone, and so does the last batch of a segment. Where compaction has come to stands in the folder's checkpoint, not in \`cleaner-offset-checkpoint\`. A partition whose compaction fails is tried again after ten minutes, not only after a restart.
- **EndTxn is answered when its markers are written**, so that whoever reads committed data sees what was answered; Kafka answers when the decision is stored. \`transaction.version\` is fixed at 2: clients that know transactions v2 (KIP-890) use them, older ones use the classic protocol.
- **Access control** decides as Kafka's StandardAuthorizer ([decision 12](decisions/0012-access-as-kafkas-standard-authorizer.md)); what each API takes stands in the table below. It is on as soon as a listener lets clients log in, not only when \`authorizer.class.name\` says so. Kafka's brokers never fetch from here, so a fetch with a replica id takes READ like any other.
- **TLS** is PEM only (\`ssl.keystore.type=PEM\`; the sentence that refuses JKS and PKCS12 says how to convert them), in versions 1.2 and 1.3. A client certificate that is missing or not trusted closes the connection after the handshake without an alert, and the log says why; under TLS 1.3 a client sees the end of the connection where Kafka sends it an alert. Files of certificates are looked at every \`millrace.tls.reload.interval.ms\`, where Kafka waits for IncrementalAlterConfigs, which works too; what cannot be used is refused with 40. \`ssl.allow.dn.changes\` and \`ssl.allow.san.changes\` are not looked at.
- **PLAIN** checks the stored SCRAM credentials of users whom the listener's JAAS text does not name ([decision 13](decisions/0013-one-store-of-users.md)). \`sasl.enabled.mechanisms\` is \`SCRAM-SHA-256,SCRAM-SHA-512\` by default. Kerberos, OAUTHBEARER and delegation tokens do not exist, and their keys are refused.
- **Logging in** has a time (\`millrace.login.timeout.ms\`), a number (\`millrace.max.pending.logins\`) and memory of its own (\`millrace.queued.max.login.bytes\`). A user who does not exist is shown a salt like any other. A session that has ended closes also the connections of clients that do not know KIP-368.
- **Listeners** tell from loopback and from other machines: one that others can reach without TLS is warned about in the log.
- **Files are Kafka's**: segments, indexes, leader epochs, producer snapshots and the records of \`__consumer_offsets\`, read by Kafka's DumpLogSegments and served by its broker, and [the other way round](how-to/from-kafka.md). A producer snapshot goes on behind where Kafka stops reading, with the older ones of a producer's last five batches. Topics, settings and ids are in a catalogue of our own.
- **Event stores.** A topic made with \`millrace.store=true\` gives each record the version of its stream (its key), counted from 0, in the header \`millrace-version\`, and judges the header \`millrace-expected-version\` (\`any\`, \`none\`, \`exists\` or a version), which it takes away: a batch with a record that is not where it was expected is refused as a whole with 87 INVALID_RECORD and a sentence. A key that is null, empty, no UTF-8 or longer than 1024 bytes, a \`millrace-version\` of the client's own, and a batch of which some events (by \`ce_id\`) are there already and others not are 87 as well, and so is a key in another partition than Java's partitioner gives it; a batch whose events are all there is answered as the first time, except in a transaction (87). A stream that another producer's open transaction has written to is 19 NOT_ENOUGH_REPLICAS, which clients try again by themselves until that transaction has ended or their own delivery timeout has passed. An append of a program in the broker's process over several partitions is a transaction whose id begins with \`__millrace_append-\` ([decision 19](decisions/0019-append-over-partitions.md)). A batch has at most 20,000 records and 4 MiB, 1 MiB decompressed where it is compressed (10 MESSAGE_TOO_LARGE). Batches are written anew with the same producer, sequence, times and codec. Such a topic is never compacted, keeps its number of partitions, has one partition, \`retention.ms=-1\` and \`retention.bytes=-1\` unless told otherwise, and stays a store ([decision 14](decisions/0014-stream-index.md)). [Clients](clients.md) shows what each client tells its user of a refusal. Ordinary topics are not looked into.
- **A request that cannot be answered** (unknown API, version, or malformed) closes its connection, as in Kafka, with a line in the log that names client, API, version and reason.

## APIs served

| key | API | versions | takes | differs from Kafka |
| --- | --- | --- | --- | --- |
${served.map((api) => row(api, headers)).join('\n')}

## APIs not served

They are not advertised, so clients know; a request for one closes its connection. Kafka 4.3.1 serves them in these versions.

| key | API | Kafka |
| --- | --- | --- |
${missing.map(([name, key]) => `| ${key} | ${titleOf(name)} | ${range(advertisedVersions(key)!)} |`).join('\n')}
`
}

/** @throws Error a handler without the three parts */
export function readHandlerHeaders(): HandlerHeader[] {
  return readdirSync(handlersFolder)
    .filter((file) => /^\d+-.*\.ts$/.test(file) && !file.endsWith('.test.ts'))
    .sort()
    .map((file) => parseHeader(file, readFileSync(join(handlersFolder, file), 'utf8')))
}

function parseHeader(file: string, source: string): HandlerHeader {
  const parts: Record<string, string[]> = {}
  let current: string | undefined
  for (const line of source.split('\n')) {
    const text = /^\/\/ ?(.*)$/.exec(line)?.[1]
    if (text === undefined || text === '') break
    const label = /^(Versions|Behaviour|Differs) +/.exec(text)?.[1]
    if (label !== undefined) current = label
    if (current === undefined) throw new Error(`${file}: its header does not begin with Versions`)
    const sentence = text.replace(/^(Versions|Behaviour|Differs|from Kafka)? +/, '')
    parts[current] = [...(parts[current] ?? []), sentence === 'from Kafka' ? '' : sentence]
  }
  const part = (label: string) => {
    const lines = parts[label]
    if (lines === undefined) throw new Error(`${file}: its header says nothing under ${label}`)
    return lines.join(' ').trim()
  }
  return {
    apiKey: Number(/^\d+/.exec(file)![0]),
    versions: part('Versions'),
    behaviour: part('Behaviour'),
    differs: part('Differs'),
  }
}

function row(api: (typeof servedApis)[number], headers: Map<number, HandlerHeader>): string {
  const header = headers.get(api.apiKey)
  if (header === undefined) throw new Error(`API ${api.apiKey} is served by no handler file`)
  const differs = header.differs.startsWith('In nothing') ? '' : header.differs
  const name = apiTable.get(api.apiKey)!.name
  const { asks } = handlerFor(api.apiKey)!.accessRule
  const takes = asks.length === 0 ? 'nothing' : asks.join(', ')
  return `| ${api.apiKey} | ${name} | ${range([api.minVersion, api.maxVersion])} | ${takes} | ${differs} |`
}

function range([first, last]: readonly [number, number]): string {
  return first === last ? String(first) : `${first}-${last}`
}

/** `LIST_OFFSETS` as ListOffsets. */
function titleOf(name: string): string {
  return name
    .toLowerCase()
    .split('_')
    .map((word) => word.replace(/^./, (letter) => letter.toUpperCase()))
    .join('')
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(compatibilityDocsPath, renderCompatibilityDocs())
}
