// Writes docs/api/<door>.api.md: what npm ships of a public door's types, so that a change of it is
// seen by whoever reviews. A test holds the files to it:
//
//   node scripts/api-docs.ts

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { declarationOf, doors, reachableFrom, writeDeclarations } from './declarations.ts'

export const apiDocsFolder = resolve(import.meta.dirname, '../docs/api')

/** By file name. */
export function apiDocs(): ReadonlyMap<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-api-'))
  try {
    writeDeclarations(folder)
    return new Map(doors.map((door) => [nameOf(door), reportOf(door, folder)]))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function nameOf(door: string): string {
  return door.replace(/\.ts$/, '.api.md')
}

function reportOf(door: string, folder: string): string {
  const paths = reachableFrom([declarationOf(folder, door)])
  const files = [...paths].map((path) => {
    const name = relative(folder, path).replace(/\.d\.ts$/, '.ts')
    return `## src/${name}\n\n\`\`\`ts\n${readFileSync(path, 'utf8').trimEnd()}\n\`\`\`\n`
  })
  return [
    `# millrace/${door.replace(/\.ts$/, '')}\n`,
    'What this door shows, and the declarations that it leads to. Written by `node scripts/api-docs.ts`.\n',
    ...files,
  ].join('\n')
}

if (process.argv[1] === import.meta.filename) {
  mkdirSync(apiDocsFolder, { recursive: true })
  for (const [name, content] of apiDocs()) writeFileSync(join(apiDocsFolder, name), content)
}
