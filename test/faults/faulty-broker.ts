// A broker in this process on a disk that fails where a test says, and can be started again on what
// that disk holds.
import type { TestContext } from 'node:test'
import type { BrokerOptions } from '../../src/broker/broker.ts'
import type { Disk } from '../../src/host/disk.ts'
import { memoryDisk } from '../../src/host/memory-disk.ts'
import { nodeHost } from '../../src/host/node-host.ts'
import { startTestBroker, type TestBroker } from '../support/test-broker.ts'
import { FaultyDisk } from './faulty-disk.ts'

const MEMORY_BYTES = 256 * 1024 * 1024

export interface FaultyBroker extends TestBroker {
  readonly disk: FaultyDisk
  /**
   * Closes this one, heals the disk, and starts a new one on it.
   * @param options.isClean false: as if it had been killed after it had finished everything
   */
  restart(options?: { isClean?: boolean }): Promise<TestBroker>
}

export async function startFaultyBroker(
  t: TestContext,
  options: Partial<BrokerOptions> = {},
  below: Disk = memoryDisk({ maxBytes: MEMORY_BYTES }),
): Promise<FaultyBroker> {
  const disk = new FaultyDisk(below)
  const started = await startTestBroker(t, { ...options, host: nodeHost({ disk }) })
  const restart = async ({ isClean = true } = {}) => {
    await started.broker.close().catch(() => undefined) // one that has failed may fail to close
    disk.healAll()
    if (!isClean) await disk.remove('clean-stop')
    return startTestBroker(t, { ...options, host: nodeHost({ disk }) })
  }
  return { ...started, disk, restart }
}
