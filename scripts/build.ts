// Builds what npm ships into dist/: the launcher (alone, in old syntax), the command and the public
// doors (bundled, sharing chunks, so that `--help` loads no broker), and the doors' declarations.
// Packages that hold native code, and all others, stay imports. Run by `npm run build`.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { declarationOf, doors, reachableFrom, writeDeclarations } from './declarations.ts'

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')

rmSync(dist, { recursive: true, force: true })

/** An old Node must get as far as the refusal: nothing newer than ES2015, and no import before it. */
await build({
  absWorkingDir: root,
  entryPoints: ['src/cli/main.ts'],
  outfile: 'dist/cli/main.js',
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'es2015',
  supported: { 'dynamic-import': true },
  plugins: [
    {
      name: 'the rest is loaded by the launcher',
      setup: ({ onResolve }) => {
        onResolve({ filter: /^\.\/run\.ts$/ }, () => ({ path: './run.js', external: true }))
      },
    },
  ],
})

await build({
  absWorkingDir: root,
  entryPoints: ['src/cli/run.ts', ...doors.map((door) => `src/public/${door}`)],
  outbase: 'src',
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24.12',
  packages: 'external',
})

writeDeclarations(dist)
keepDeclarations(reachableFrom(doors.map((door) => declarationOf(dist, door))))

/** Only what the doors' declarations name is shipped. */
function keepDeclarations(kept: ReadonlySet<string>): void {
  for (const path of kept) {
    // tsc leaves the source's endings in declarations; what is shipped is .js beside .d.ts.
    const content = readFileSync(path, 'utf8')
    writeFileSync(path, content.replaceAll(/(['"]\.[^'"\n]+)\.ts(['"])/g, '$1.js$2'))
  }
  const declarations = readdirSync(dist, { recursive: true, encoding: 'utf8' })
  for (const file of declarations.filter((name) => name.endsWith('.d.ts'))) {
    if (!kept.has(join(dist, file))) rmSync(join(dist, file))
  }
}
