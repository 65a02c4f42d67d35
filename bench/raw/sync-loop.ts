// The raw limit of durable writes: write `bytes`, fdatasync, again, in one file that starts over
// before it grows. Prints { mbPerSecond, syncsPerSecond, p50Ms, p99Ms }.
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  openSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { percentile } from '../percentile.ts'

const { folder, bytes, seconds, onThread } = JSON.parse(process.argv[2]!) as {
  folder: string
  bytes: number
  seconds: number
  /** Sync on a thread of the pool, as a server must, instead of blocking the main thread. */
  onThread: boolean
}
const FILE_BYTES = 32 * 1024 * 1024

const path = join(folder, 'sync-loop.bin')
const file = openSync(path, 'w')
const block = Buffer.alloc(bytes, 7)
const times: number[] = []
let position = 0
const end = performance.now() + seconds * 1000
const begin = performance.now()
while (performance.now() < end) {
  const before = performance.now()
  writeSync(file, block, 0, bytes, position)
  if (onThread) await new Promise((resolve) => fdatasync(file, resolve))
  else fdatasyncSync(file)
  times.push(performance.now() - before)
  position += bytes
  if (position >= FILE_BYTES) {
    ftruncateSync(file, 0)
    position = 0
  }
}
const elapsed = (performance.now() - begin) / 1000
closeSync(file)
rmSync(path)
times.sort((a, b) => a - b)
console.log(
  JSON.stringify({
    mbPerSecond: (times.length * bytes) / 1e6 / elapsed,
    syncsPerSecond: times.length / elapsed,
    p50Ms: percentile(times, 50),
    p99Ms: percentile(times, 99),
  }),
)
