// Joins parts into one buffer without holding up the event loop: copying 64 MB into new memory takes
// longer than anybody should wait.

import { setImmediate as nextTurn } from 'node:timers/promises'

const BYTES_PER_TURN = 4 * 1024 * 1024

/** As `Buffer.concat`, over several turns where there is much; a single part is not copied. */
export async function gather(parts: readonly Buffer[]): Promise<Buffer> {
  if (parts.length === 1) return parts[0]!
  const totalBytes = parts.reduce((sum, part) => sum + part.length, 0)
  if (totalBytes <= BYTES_PER_TURN) return Buffer.concat(parts, totalBytes)
  const whole = Buffer.allocUnsafeSlow(totalBytes)
  let at = 0
  for (const part of parts) {
    for (const slice of slicesOf(part)) {
      at += slice.copy(whole, at)
      if (at % BYTES_PER_TURN < slice.length) await nextTurn()
    }
  }
  return whole
}

/** For work on many bytes: a stretch that takes a few milliseconds, and then others' turn. */
export async function inTurns(bytes: Buffer, work: (slice: Buffer) => void): Promise<void> {
  for (const slice of slicesOf(bytes)) {
    work(slice)
    if (slice.length === BYTES_PER_TURN) await nextTurn()
  }
}

function* slicesOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += BYTES_PER_TURN) {
    yield bytes.subarray(at, at + BYTES_PER_TURN)
  }
}
