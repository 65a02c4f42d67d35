// The real outside world: Node's clock, timers and randomness, and the files of one data folder.

import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock, Timers } from './clock.ts'
import type { Disk } from './disk.ts'
import type { Host } from './host.ts'
import { nodeDisk } from './node-disk.ts'
import { nodeNet } from './node-net.ts'
import { openFilesLimit } from './open-files.ts'
import type { Random } from './random.ts'

const UUID_BYTES = 16
/** setTimeout takes no longer delay; a longer one fires early, so it is cut here. */
const LONGEST_DELAY_MS = 2 ** 31 - 1

export const nodeClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
}

export const nodeTimers: Timers = {
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, Math.min(delayMs, LONGEST_DELAY_MS))
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  },
  yield: () => nextTurn(),
}

export const nodeRandom: Random = {
  bytes: (length) => randomBytes(length),
  uuid: () => {
    for (;;) {
      const bytes = randomBytes(UUID_BYTES)
      bytes[6] = (bytes[6]! & 0x0f) | 0x40 // version 4
      bytes[8] = (bytes[8]! & 0x3f) | 0x80 // RFC 9562 variant
      const text = bytes.toString('base64url')
      if (!text.startsWith('-')) return text // a leading dash reads as an option on a command line
    }
  },
}

/** @param place the data folder, or another disk such as `memoryDisk` */
export function nodeHost(place: { folder: string } | { disk: Disk }): Host {
  const disk = 'disk' in place ? place.disk : nodeDisk(place.folder)
  return {
    disk,
    net: nodeNet,
    clock: nodeClock,
    timers: nodeTimers,
    random: nodeRandom,
    openFilesLimit,
  }
}
