// The broker in a process of its own, with a disk that can be told to fail or to be slow and a calendar
// that can be told to jump. Otherwise as the command starts it. Started by `broker-under-test.ts`.

import { startBrokerWith } from '../../../../src/broker/broker.ts'
import { recoveryCounters } from '../../../../src/broker/log/recovery-counters.ts'
import { coordinatorCounters } from '../../../../src/broker/server/coordinator-counters.ts'
import { nodeDisk } from '../../../../src/host/node-disk.ts'
import { nodeHost } from '../../../../src/host/node-host.ts'
import { type Fault, FaultyDisk, type Operation } from '../../faulty-disk.ts'

export interface HostedSettings {
  readonly folder: string
  readonly listen: string
  readonly config: Readonly<Record<string, string>>
}

export type HostedCommand =
  | {
      readonly kind: 'disk'
      readonly on: Operation
      readonly path: string
      readonly fails?: 'no-space' | 'io'
      readonly waitsMs?: number
    }
  | { readonly kind: 'heal' }
  | { readonly kind: 'clock'; readonly byMs: number }
  | { readonly kind: 'counters' }

export type HostedMessage =
  | { readonly kind: 'ready'; readonly port: number }
  | { readonly kind: 'counters'; readonly counts: Readonly<Record<string, number>> }

async function main(settings: HostedSettings): Promise<void> {
  const { folder, listen, config } = settings
  const disk = new FaultyDisk(nodeDisk(folder))
  const host = nodeHost({ disk })
  const { clock } = host
  let jumpedMs = 0
  const jumping = {
    nowMs: () => clock.nowMs() + jumpedMs,
    monotonicMs: () => clock.monotonicMs(),
  }
  const broker = await startBrokerWith(
    {
      ...{ folder, listen, config, host: { ...host, clock: jumping } },
      onLog: (line) => process.stdout.write(`${line}\n`),
    },
    {},
  )
  const faults: Fault[] = []
  const counts = () => ({
    ...recoveryCounters,
    ...coordinatorCounters,
    diskFaultHits: faults.reduce((sum, { hits }) => sum + hits, 0),
  })
  const say = (message: HostedMessage) => process.send?.(message)
  const stop = (code: number) => {
    void broker.close().finally(() => process.exit(code))
  }
  void broker.failed.then(() => process.exit(1))
  process.on('SIGTERM', () => stop(0))
  // Whoever started it is gone.
  process.on('disconnect', () => stop(0))
  process.on('message', (command: HostedCommand) => {
    if (command.kind === 'clock') jumpedMs += command.byMs
    else if (command.kind === 'counters') say({ kind: 'counters', counts: counts() })
    else if (command.kind === 'heal') disk.healAll()
    else {
      const { on, path, fails, waitsMs } = command
      faults.push(
        disk.inject({
          ...{ on, path: new RegExp(path) },
          ...(fails !== undefined && { fails }),
          ...(waitsMs !== undefined && {
            waitsFor: () => new Promise((resolve) => setTimeout(resolve, waitsMs)),
          }),
        }),
      )
    }
  })
  say({ kind: 'ready', port: broker.addresses[0]!.port })
  say({ kind: 'counters', counts: counts() })
}

await main(JSON.parse(process.argv[2]!))
