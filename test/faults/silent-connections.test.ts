// Five thousand connections that say nothing, against a process that may have 2,048 files and sockets
// open: it takes as many as it bears and closes the others, clients that were there before do not
// notice, and new ones are served as soon as the silent ones are gone.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { ErrorCode } from '../../src/broker/wire/error-codes.ts'
import { BrokerProcess } from '../crash/broker-process.ts'
import { KafkaClient } from '../support/kafka-client.ts'
import {
  batchOf,
  fetchFrom,
  makeTopic,
  produceTo,
  until,
  valuesIn,
} from '../support/test-broker.ts'

const OPEN_FILES = 2048
const SILENT = 5000
/** So many at a time are on their way: more than the system's own queue loses some. */
const AT_ONCE = 250
/** What a connection may cost the broker that opens it, with what Node keeps for it. */
const BYTES_PER_CONNECTION = 64 * 1024

describe('five thousand connections that say nothing', () => {
  it('take bounded memory and descriptors, and keep nobody out once they are gone', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-silent-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const broker = await BrokerProcess.start({ folder, port: 0, openFiles: OPEN_FILES })
    t.after(() => broker.kill())
    const address = { host: '127.0.0.1', port: broker.port }
    const client = await KafkaClient.connect(address)
    t.after(() => client[Symbol.asyncDispose]())
    await makeTopic(client, 'orders')
    const residentBefore = residentBytes(broker.pid)

    const silent: Socket[] = []
    t.after(() => {
      for (const socket of silent) socket.destroy()
    })
    let closed = 0
    for (let count = 0; count < SILENT; count += AT_ONCE) {
      const more = Array.from({ length: AT_ONCE }, () => connect(address))
      silent.push(...more)
      for (const socket of more) {
        socket.on('error', () => undefined)
        socket.on('close', () => closed++)
        socket.resume()
      }
      await until(() => more.every((socket) => socket.closed || !socket.connecting))
    }
    await until(() => silent.length - closed < OPEN_FILES)
    const { errorCode } = await produceTo(client, 'orders', batchOf(['still served']))
    const grownBytes = residentBytes(broker.pid) - residentBefore
    const descriptors = readdirSync(`/proc/${broker.pid}/fd`).length

    assert.equal(errorCode, ErrorCode.NONE)
    assert.ok(descriptors < OPEN_FILES, `${descriptors} descriptors`)
    assert.ok(grownBytes < OPEN_FILES * BYTES_PER_CONNECTION, `${grownBytes} bytes more`)
    assert.match(broker.output, /"event":"connection-refused".*"reason":"max.connections"/)
    assert.doesNotMatch(broker.output, /EMFILE|too-many-files|partition-offline/)
    t.diagnostic(`${closed} closed, ${descriptors} descriptors, ${grownBytes >> 20} MiB more`)

    for (const socket of silent) socket.destroy()
    const late = await KafkaClient.connect(address)
    t.after(() => late[Symbol.asyncDispose]())
    const { records } = await fetchFrom(late, 'orders')
    assert.deepEqual(valuesIn(records), ['still served'])
  })
})

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) * 1024
}
