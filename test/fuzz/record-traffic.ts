// Records what real clients send, for the fuzzer to start from:
//   node test/fuzz/record-traffic.ts [CLIENT...]
// Each client of test/clients runs all its abilities against the pinned Apache Kafka, alone, and
// leaves test/fixtures/traffic/CLIENT.txt.gz: a frame a line, in hex, without its length. Of frames
// alike (API, version, about the same length) the first few are kept.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { abilitiesOn } from '../clients/abilities.ts'
import { type Client, clients, prepare } from '../clients/clients.ts'
import { Matrix } from '../clients/matrix.ts'
import { root, Target } from '../clients/target.ts'

const LENGTH_BYTES = 4
const MAX_FRAME_BYTES = 4096
const FRAMES_PER_SHAPE = 2

const folder = join(root, 'test/fixtures/traffic')
const only = new Set(process.argv.slice(2))
mkdirSync(folder, { recursive: true })
await prepare('kafka')
for (const client of clients) {
  if (only.size > 0 && !only.has(client.id)) continue
  const reason = await prepare(client.service)
  if (reason !== null) throw new Error(`${client.id}: ${reason}`)
  const frames = await record(client)
  const lines = frames.map((frame) => `${frame.toString('hex')}\n`).join('')
  writeFileSync(join(folder, `${client.id}.txt.gz`), gzipSync(lines, { level: 9 }))
  console.log(`${client.name}: ${frames.length} frames`)
}

async function record(client: Client): Promise<Buffer[]> {
  const frames: Buffer[] = []
  const seen = new Map<string, number>()
  const target = await Target.start('kafka')
  try {
    target.link.onRequest((whole) => {
      const frame = whole.subarray(LENGTH_BYTES)
      if (frame.length > MAX_FRAME_BYTES) return
      const shape = `${frame.readInt16BE(0)}/${frame.readInt16BE(2)}/${frame.length >> 5}`
      const count = seen.get(shape) ?? 0
      seen.set(shape, count + 1)
      if (count < FRAMES_PER_SHAPE) frames.push(Buffer.from(frame))
    })
    await new Matrix([client], abilitiesOn('kafka')).run(target)
  } finally {
    await target.stop()
  }
  return frames
}
