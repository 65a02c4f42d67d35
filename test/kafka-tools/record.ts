// Writes kafka-4.3.1.txt: what Kafka's tools and Admin client say to a real Kafka, to compare with.
//
//   scripts/services start kafka --port 19092
//   node test/kafka-tools/record.ts 127.0.0.1:19092
//   scripts/services stop kafka
//
// And acl-kafka-4.3.1.txt, for which Kafka has to control access:
//
//   scripts/services start kafka --port 19092 --data DIR --config test/kafka-tools/acl.properties
//   node test/kafka-tools/record.ts 127.0.0.1:19092 acl
//   scripts/services stop kafka --data DIR

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { formatOutcomes, recordedAclPath, recordedPath, runAclTool, runAgainst } from './setup.ts'

const services = resolve(import.meta.dirname, '../../scripts/services')
const broker = process.argv[2]
if (broker === undefined) throw new Error('Which broker? For example 127.0.0.1:19092')
const libraries = `${execFileSync(services, ['path', 'kafka'], { encoding: 'utf8' }).trim()}/lib`
if (process.argv[3] === 'acl') {
  writeFileSync(recordedAclPath, formatOutcomes(await runAclTool(broker, libraries)))
} else {
  writeFileSync(recordedPath, formatOutcomes(await runAgainst(broker, libraries)))
}
