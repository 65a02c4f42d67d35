// The clients of the matrix: old and new versions on purpose, each as unmodified as it comes from its
// registry. The versions are pinned in the manifests of the drivers and checked against this table.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Driver } from './contract.ts'
import { ProcessDriver } from './driver.ts'
import { KcatDriver } from './kcat.ts'
import type { ClientSecurity } from './security.ts'
import { root } from './target.ts'

export interface Client {
  /** In options, limits and names of topics. */
  readonly id: string
  readonly name: string
  readonly language: string
  /** What the driver says when asked; a manifest that was changed must be changed here too. */
  readonly version: string
  /** What `scripts/services prepare` calls it. */
  readonly service: string
  /** Of what records can consist, the client can't send these. */
  readonly cannotSend: readonly ('null-header' | 'timestamp' | 'null')[]
  readonly start: (bootstrap: string, security?: ClientSecurity) => Driver
}

const cache = join(root, '.cache/clients')
const drivers = join(root, 'test/clients')

// A short-lived JVM is quickest without the optimizing compiler and with the smallest collector.
const java = ['java', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx256m']
const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=error'

function javaClient(service: string, version: string): Client {
  const classPath = join(cache, service, 'lib', '*')
  const command = [...java, quiet, '-cp', classPath, 'clients.Driver']
  return {
    id: service,
    name: `kafka-clients ${version}`,
    language: 'Java',
    version,
    service,
    cannotSend: [],
    start: (bootstrap, security) => new ProcessDriver(command, bootstrap, security),
  }
}

function pythonClient(
  service: string,
  script: string,
  rest: Pick<Client, 'name' | 'version' | 'cannotSend'>,
): Client {
  const command = [join(cache, service, 'bin/python'), '-B', join(drivers, 'python', script)]
  return {
    ...rest,
    id: service,
    language: 'Python',
    service,
    start: (bootstrap, security) => new ProcessDriver(command, bootstrap, security),
  }
}

function goClient(id: string, program: string, version: string): Client {
  const name = id === 'sarama' ? 'Sarama' : id
  return {
    id,
    name: `${name} ${version}`,
    language: 'Go',
    version: `v${version}`,
    service: 'go',
    cannotSend: [],
    start: (bootstrap, security) =>
      new ProcessDriver([join(cache, 'go', program)], bootstrap, security),
  }
}

function javascriptClient(
  id: string,
  rest: Pick<Client, 'name' | 'version' | 'cannotSend'>,
): Client {
  const command = [process.execPath, join(drivers, 'javascript', `${id}.ts`)]
  return {
    ...rest,
    id,
    language: 'JavaScript',
    service: 'javascript',
    start: (bootstrap, security) => new ProcessDriver(command, bootstrap, security),
  }
}

export const clients: readonly Client[] = [
  javaClient('java-3.9', '3.9.2'),
  javaClient('java-4.3', '4.3.1'),
  {
    id: 'kcat',
    name: 'kcat 1.7.1',
    language: 'C',
    version: '1.7.1, librdkafka 2.0.2',
    service: 'kcat',
    cannotSend: ['null-header', 'timestamp', 'null'],
    start: (bootstrap, security) => new KcatDriver(bootstrap, security),
  },
  pythonClient('confluent-kafka', 'confluent.py', {
    name: 'confluent-kafka 2.16.1',
    version: '2.16.1',
    cannotSend: [],
  }),
  pythonClient('kafka-python-2.0.2', 'kafka_python.py', {
    name: 'kafka-python 2.0.2',
    version: '2.0.2',
    cannotSend: ['null-header'],
  }),
  pythonClient('kafka-python-3', 'kafka_python.py', {
    name: 'kafka-python 3.0.12',
    version: '3.0.12',
    cannotSend: ['null-header'],
  }),
  goClient('franz-go', 'franz', '1.22.2'),
  goClient('sarama', 'sarama', '1.61.1'),
  javascriptClient('platformatic', {
    name: '@platformatic/kafka 2.12.1',
    version: '2.12.1',
    cannotSend: [],
  }),
  javascriptClient('kafkajs', {
    name: 'kafkajs 2.2.4',
    version: '2.2.4',
    cannotSend: ['null-header'],
  }),
]

const run = promisify(execFile)

/**
 * Installs what a client needs; does nothing when that has been done before.
 * @returns null, or why this machine cannot run the client
 */
export async function prepare(service: string): Promise<string | null> {
  try {
    await run(join(root, 'scripts/services'), ['prepare', service])
    return null
  } catch (error) {
    const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : ''
    return stderr === '' ? String(error) : stderr
  }
}
