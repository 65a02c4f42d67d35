// Would what npm ships work for someone else? Packs it, checks the manifest with publint and how types
// resolve with arethetypeswrong, installs the tarball into an empty folder, runs the command as a
// stranger would, imports the public door from JavaScript and type-checks it from TypeScript. Run by
// `npm run check:package`.

import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'

const READY_WITHIN_MS = 10_000
const root = join(import.meta.dirname, '..')
const folder = mkdtempSync(join(tmpdir(), 'millrace-package-'))

try {
  const tarball = pack()
  lint(tarball)
  await checkResolution(tarball)
  install(tarball)
  await runBroker()
  await importDoor()
  checkTypes()
  console.log('The package installs, runs and type-checks.')
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function pack(): string {
  execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], {
    cwd: root,
    stdio: 'inherit',
  })
  const name = readdirSync(folder).find((file) => file.endsWith('.tgz'))
  assert(name !== undefined, 'npm pack wrote no tarball')
  return join(folder, name)
}

function lint(tarball: string): void {
  execFileSync('publint', ['run', '--strict', tarball], { cwd: root, stdio: 'inherit' })
}

/** Whoever finds a door finds its types, and what they describe is what is loaded. */
async function checkResolution(tarball: string): Promise<void> {
  const result = await checkPackage(createPackageFromTarballData(readFileSync(tarball)))
  assert(result.types !== false, 'the package has no types')
  // Only ES modules are shipped, and nothing for resolvers that do not know `exports`.
  const problems = result.problems.filter(
    (problem) =>
      !('resolutionKind' in problem && problem.resolutionKind === 'node10') &&
      problem.kind !== 'CJSResolvesToESM',
  )
  assert.deepEqual(problems, [])
}

function install(tarball: string): void {
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  execFileSync('npm', ['install', '--no-audit', '--no-fund', tarball], {
    cwd: folder,
    stdio: 'inherit',
  })
}

/** `npx millrace start`, one record in and out, and a clean stop. */
async function runBroker(): Promise<void> {
  const command = join(folder, 'node_modules/.bin/millrace')
  const broker = spawn(command, ['start', '--data', 'data', '--listen', '127.0.0.1:0'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const ready = await firstLine(broker.stdout)
    assert.equal(ready['event'], 'ready')
    console.log(`ready after ${ready['ms']} ms`)
    const env = { ...process.env, MILLRACE_BROKER: String(ready['kafka']) }
    const run = (...args: string[]) => {
      const { status, stdout, stderr } = spawnSync(command, args, { env, encoding: 'utf8' })
      assert.equal(status, 0, stderr)
      return stdout
    }
    assert.match(run('produce', 'orders', 'hello'), /^\d@0\n$/)
    assert.equal(run('consume', 'orders', '--raw'), 'hello\n')
    const closed = new Promise((resolve) => broker.once('exit', resolve))
    broker.kill('SIGTERM')
    assert.equal(await closed, 0, 'a drained broker exits with 0')
  } finally {
    broker.kill('SIGKILL')
  }
}

async function firstLine(stream: NodeJS.ReadableStream): Promise<Record<string, unknown>> {
  const lines = createInterface({ input: stream })
  const timeout = AbortSignal.timeout(READY_WITHIN_MS)
  return new Promise((resolve, reject) => {
    timeout.addEventListener('abort', () => reject(new Error('the broker did not get ready')))
    lines.once('line', (line) => resolve(JSON.parse(line)))
  })
}

async function importDoor(): Promise<void> {
  writeFileSync(
    join(folder, 'embedded.js'),
    `import { startBroker } from 'millrace/broker'
     await using broker = await startBroker({ memory: true })
     if (broker.addresses.length === 0) throw new Error('no address')`,
  )
  execFileSync(process.execPath, ['embedded.js'], { cwd: folder, stdio: 'inherit' })
}

function checkTypes(): void {
  writeFileSync(
    join(folder, 'typed.ts'),
    `import { startBroker, type Broker } from 'millrace/broker'
     export const open = (): Promise<Broker> => startBroker({ memory: true })`,
  )
  const options = ['--noEmit', '--strict', '--target', 'es2024', '--module', 'nodenext']
  const libraries = ['--lib', 'es2024,esnext.disposable', '--types', 'node']
  const typeRoots = ['--typeRoots', join(root, 'node_modules/@types')]
  execFileSync('tsc', [...options, ...libraries, ...typeRoots, 'typed.ts'], {
    cwd: folder,
    stdio: 'inherit',
  })
}
