// Apache Kafka as a peer: one KRaft node from the jars that scripts/services puts into .cache, with
// the heap and collector settings of Kafka's own start script.
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { start } from '../processes.ts'
import { freePort, type Peer, untilListening } from './peer.ts'

const JVM = [
  '-server',
  '-Xms1g',
  '-Xmx1g',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
  '-Djava.awt.headless=true',
]

/** @param syncEveryMessage `log.flush.interval.messages=1`: the durability that Millrace has */
export function kafkaPeer(jarsFolder: string, options: { syncEveryMessage: boolean }): Peer {
  return {
    name: options.syncEveryMessage ? 'Kafka, sync' : 'Kafka',
    async start({ folder, port, cpus }) {
      const config = join(folder, 'kafka.properties')
      mkdirSync(folder, { recursive: true })
      writeFileSync(config, properties(folder, port, await freePort(), options.syncEveryMessage))
      const classPath = `${jarsFolder}/*`
      const id = execFileSync('java', ['-cp', classPath, 'kafka.tools.StorageTool', 'random-uuid'])
      const format = ['-cp', classPath, 'kafka.tools.StorageTool', 'format', '-c', config]
      execFileSync('java', [...format, '-t', id.toString().trim().split('\n').at(-1)!])
      const started = start(['java', ...JVM, '-cp', classPath, 'kafka.Kafka', config], { cpus })
      await untilListening(port, started)
      return { bootstrap: { host: '127.0.0.1', port }, pid: started.child.pid!, started }
    },
  }
}

function properties(
  folder: string,
  port: number,
  controllerPort: number,
  syncEveryMessage: boolean,
): string {
  const lines = [
    'process.roles=broker,controller',
    'node.id=1',
    `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names=CONTROLLER',
    'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
    `log.dirs=${join(folder, 'data')}`,
    'num.partitions=4',
    'offsets.topic.replication.factor=1',
    'offsets.topic.num.partitions=4',
    'transaction.state.log.replication.factor=1',
    'transaction.state.log.min.isr=1',
    'group.initial.rebalance.delay.ms=0',
    'log.retention.check.interval.ms=500',
  ]
  if (syncEveryMessage) lines.push('log.flush.interval.messages=1')
  return `${lines.join('\n')}\n`
}
