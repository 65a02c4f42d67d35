// The outside world in one value: what a broker is given at start, real or simulated.

import type { Clock, Timers } from './clock.ts'
import type { Disk } from './disk.ts'
import type { Net } from './net.ts'
import type { Random } from './random.ts'

export interface Host {
  readonly disk: Disk
  readonly net: Net
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  /** How many files and sockets may be open at once; undefined: no limit that could be found out. */
  openFilesLimit(): Promise<number | undefined>
}
