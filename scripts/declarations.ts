// The type declarations of the public doors: which of those that tsc writes a user can get to, and
// what they say. Shipped by build.ts, reported by api-docs.ts.

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')
const RELATIVE_IMPORT = /(?:from|import\()\s*['"](\.[^'"]+)\.ts['"]/g

/** File names below src/public. */
export const doors: readonly string[] = readdirSync(join(root, 'src/public')).filter((file) =>
  /^[^.]+\.ts$/.test(file),
)

/** tsc declares every file that the doors lead to. */
export function writeDeclarations(outDir: string): void {
  const tsc = join(root, 'node_modules/.bin/tsc')
  execFileSync(tsc, ['-p', 'tsconfig.types.json', '--outDir', outDir], {
    cwd: root,
    stdio: 'inherit',
  })
}

export function declarationOf(outDir: string, door: string): string {
  return join(outDir, 'public', door.replace(/\.ts$/, '.d.ts'))
}

/** Paths of the declarations and all that they name, each before what it leads to. */
export function reachableFrom(entries: readonly string[]): ReadonlySet<string> {
  const reached = new Set(entries)
  for (const path of reached) {
    for (const [, target] of readFileSync(path, 'utf8').matchAll(RELATIVE_IMPORT)) {
      reached.add(join(dirname(path), `${target}.d.ts`))
    }
  }
  return reached
}
