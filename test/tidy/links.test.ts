// Every relative link in the documentation leads to a file, and every anchor to a heading.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { it } from 'node:test'

const root = resolve(import.meta.dirname, '../..')
const pages = ['', 'docs', 'src', 'test', 'examples', 'scripts', 'bench'].flatMap((folder) =>
  existsSync(join(root, folder)) ? pagesIn(folder) : [],
)

it('every link in the documentation leads somewhere', () => {
  const broken: string[] = []
  for (const page of pages) {
    const text = readFileSync(join(root, page), 'utf8').replace(/```[\s\S]*?```/g, '')
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue
      const [path, anchor] = target!.split('#')
      const file = path === '' ? join(root, page) : resolve(root, dirname(page), path!)
      if (!existsSync(file)) broken.push(`${page}: ${target}`)
      else if (anchor !== undefined && !anchorsOf(file).includes(anchor)) {
        broken.push(`${page}: ${target}`)
      }
    }
  }

  assert.deepEqual(broken, [])
})

function pagesIn(folder: string): string[] {
  const names = readdirSync(join(root, folder), { recursive: folder !== '', encoding: 'utf8' })
  return names
    .filter((name) => name.endsWith('.md') && !name.includes('node_modules'))
    .map((name) => join(folder, name))
}

function anchorsOf(file: string): string[] {
  if (statSync(file).isDirectory() || !file.endsWith('.md')) return []
  const headings = readFileSync(file, 'utf8').matchAll(/^#+ (.+)$/gm)
  return [...headings].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-'),
  )
}
