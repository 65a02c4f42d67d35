#!/usr/bin/env node
// The launcher: refuses a machine that Millrace can't run on, then loads the rest. It is bundled on
// its own, in old syntax and without imports, so that an old Node gets as far as the refusal.

import { unmetRequirement } from './requirements.ts'

const unmet = unmetRequirement(process.versions.node, process.platform)
if (unmet === undefined) {
  // Compiled code is kept for the next run (in the system's temporary folder, by Node itself).
  process.getBuiltinModule('node:module').enableCompileCache()
  import('./run.ts').then((run) => run.runProcess())
} else {
  process.stderr.write(`${unmet}\n`)
  process.exitCode = 1
}
