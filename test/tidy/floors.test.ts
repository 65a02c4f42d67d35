// The import rule of floors.mjs: rooms import downwards only, no cycles, no barrels but the doors,
// and the outside world (disk, net, clock, timers, randomness) is reached through src/host alone.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, it } from 'node:test'
import {
  barrels,
  drivers,
  exceptions,
  floors,
  outsideGlobals,
  outsideModules,
} from '../../floors.mjs'

const srcFolder = resolve(import.meta.dirname, '../../src')
const files = readdirSync(srcFolder, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .sort()
const isTest = (file: string) => file.endsWith('.test.ts')
const sources = files.filter((file) => !isTest(file))

describe('the import rule', () => {
  it('every file stands in a room of the floor table', () => {
    const homeless = files.filter((file) => roomOf(file) === undefined)

    assert.deepEqual(homeless, [])
  })

  it('a room imports itself and the rooms below it, nothing else', () => {
    const wrong: string[] = []
    for (const file of sources) {
      const room = roomOf(file)!
      for (const target of importsOf(file)) {
        if (!target.startsWith('.')) continue
        const to = relative(srcFolder, resolve(srcFolder, dirname(file), target))
        const toRoom = roomOf(to)
        if (toRoom === room || isExcepted(file, to)) continue
        if (toRoom === undefined || !floors[room]!.includes(toRoom)) wrong.push(`${file} -> ${to}`)
      }
    }

    assert.deepEqual(wrong, [])
  })

  it('relative imports name a .ts file that exists', () => {
    const wrong: string[] = []
    for (const file of files) {
      for (const target of importsOf(file)) {
        if (!target.startsWith('.')) continue
        const to = relative(srcFolder, resolve(srcFolder, dirname(file), target))
        if (!to.startsWith('..') && !files.includes(to)) wrong.push(`${file} -> ${target}`)
      }
    }

    assert.deepEqual(wrong, [])
  })

  it('only the named rooms import a package, and no package is imported unnamed', () => {
    const allowed = drivers as Record<string, readonly string[]>
    const wrong: string[] = []
    for (const file of sources) {
      for (const target of importsOf(file)) {
        if (target.startsWith('.') || target.startsWith('node:')) continue
        if (!allowed[target]?.includes(roomOf(file)!)) wrong.push(`${file} -> ${target}`)
      }
    }

    assert.deepEqual(wrong, [])
  })

  it('only host/ reaches the disk, the network, the clock, timers and randomness', () => {
    const wrong: string[] = []
    for (const file of sources) {
      if (roomOf(file) === 'host') continue
      for (const target of importsOf(file)) {
        if (outsideModules.includes(target) && !isExcepted(file, target)) {
          wrong.push(`${file} -> ${target}`)
        }
      }
      const code = withoutComments(readFileSync(join(srcFolder, file), 'utf8'))
      for (const name of outsideGlobals) {
        if (usesGlobal(code, name) && !isExcepted(file, name)) wrong.push(`${file} uses ${name}`)
      }
    }

    assert.deepEqual(wrong, [])
  })

  it('no cycle of imports exists, type imports counted', () => {
    assert.deepEqual(findCycle(), [])
  })

  it('no file is a barrel of re-exports but the public doors', () => {
    const wrong = sources.filter((file) => {
      if (barrels.some((door) => file.startsWith(door))) return false
      const code = withoutComments(readFileSync(join(srcFolder, file), 'utf8')).trim()
      const statements = code.split(/\n(?=\S)/).filter((line) => line.trim() !== '')
      return (
        statements.length > 0 && statements.every((line) => /^export\b[^=(]*\bfrom\b/.test(line))
      )
    })

    assert.deepEqual(wrong, [])
  })

  it('every exception still excuses something', () => {
    const stale = exceptions.filter(({ file }) => !files.includes(file))

    assert.deepEqual(stale, [])
  })
})

function roomOf(file: string): string | undefined {
  let folder = dirname(file)
  if (folder === 'public' || file.startsWith('public/')) return 'public'
  while (folder !== '.') {
    if (Object.hasOwn(floors, folder)) return folder
    folder = dirname(folder)
  }
  return undefined
}

function importsOf(file: string): string[] {
  const code = withoutComments(readFileSync(join(srcFolder, file), 'utf8'))
  const targets: string[] = []
  const pattern = /(?:\bfrom\s*|\bimport\s*\(\s*|^import\s+)(['"])([^'"\n]+)\1/gm
  for (const match of code.matchAll(pattern)) targets.push(match[2]!)
  return targets
}

function withoutComments(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
}

function usesGlobal(code: string, name: string): boolean {
  const at = code.indexOf(name)
  // `host.timers.setTimeout(` and the like are calls on a port, not on the global.
  return at >= 0 && !/[.\w]/.test(code[at - 1] ?? ' ')
}

function isExcepted(file: string, uses: string): boolean {
  return exceptions.some((entry) => entry.file === file && uses.startsWith(entry.uses))
}

function findCycle(): string[] {
  const done = new Set<string>()
  const path: string[] = []
  const visit = (file: string): string[] => {
    if (done.has(file)) return []
    const at = path.indexOf(file)
    if (at >= 0) return [...path.slice(at), file]
    path.push(file)
    for (const target of importsOf(file)) {
      if (!target.startsWith('.')) continue
      const cycle = visit(relative(srcFolder, resolve(srcFolder, dirname(file), target)))
      if (cycle.length > 0) return cycle
    }
    path.pop()
    done.add(file)
    return []
  }
  for (const file of sources) {
    const cycle = visit(file)
    if (cycle.length > 0) return cycle
  }
  return []
}
