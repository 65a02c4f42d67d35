// The raw limit of receiving: takes frames, looks only at their length, and answers each at once with
// what a produce of one partition is answered with. Argument: the port.

import { Writer } from '../../src/broker/bytes/writer.ts'
import type { NetSocket } from '../../src/host/net.ts'
import { nodeNet } from '../../src/host/node-net.ts'

const READ_BYTES = 256 * 1024
/** Length, API key, API version, correlation id. */
const HEADER_BYTES = 12

await nodeNet.listen({ host: '127.0.0.1', port: Number(process.argv[2]) }, (socket) => {
  const header = Buffer.alloc(HEADER_BYTES)
  let headerBytes = 0
  let leftInFrame = 0
  const target = Buffer.allocUnsafeSlow(READ_BYTES)
  socket.onRead({
    target: () => target,
    filled: (bytes) => {
      let at = 0
      while (at < bytes) {
        if (leftInFrame === 0) {
          const taken = target.copy(
            header,
            headerBytes,
            at,
            Math.min(bytes, at + HEADER_BYTES - headerBytes),
          )
          headerBytes += taken
          at += taken
          if (headerBytes < HEADER_BYTES) return
          leftInFrame = header.readInt32BE(0) - (HEADER_BYTES - 4)
        }
        const taken = Math.min(leftInFrame, bytes - at)
        leftInFrame -= taken
        at += taken
        if (leftInFrame > 0) return
        headerBytes = 0
        answer(socket, header.readInt32BE(8))
      }
    },
  })
})

/** Produce v7: one topic with one partition, no error. */
function answer(socket: NetSocket, correlationId: number): void {
  const writer = new Writer()
  writer.int32(4 + 4 + 2 + 4 + 4 + 4 + 2 + 8 + 8 + 8 + 4)
  writer.int32(correlationId)
  writer.int32(1)
  writer.int16(4)
  writer.utf8('sink', 4)
  writer.int32(1)
  writer.int32(0)
  writer.int16(0)
  writer.int64(0)
  writer.int64(-1)
  writer.int64(0)
  writer.int32(0)
  socket.write([writer.toBuffer()])
}
