// Compiles the programs of docs/start.md and runs every block, in their order, in an empty folder: what
// it promises is printed. Only the port is another one, and the package stands for what npm would install.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'

const root = resolve(import.meta.dirname, '../..')
const MAX_COMMANDS = 6

interface Block {
  readonly language: string
  readonly text: string
}

const blocks: readonly Block[] = [
  ...readFileSync(join(root, 'docs/start.md'), 'utf8').matchAll(/^```(\w*)\n(.*?)^```$/gms),
].map(([, language, text]) => ({ language: language ?? '', text: text ?? '' }))
const commands = blocks.filter(({ language }) => language === 'sh').map(({ text }) => text.trim())
const programs = blocks.filter(({ language }) => language === 'ts').map(({ text }) => text)
const outputs = blocks.filter(({ language }) => language === '').map(({ text }) => text.trim())

const folder = mkdtempSync(join(tmpdir(), 'millrace-start-'))
const running = new Set<ChildProcess>()
let port = 0
before(async () => {
  provide(['millrace', 'zod'])
  port = await freePort()
  for (const program of programs) save(program, port)
})
after(() => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

describe('docs/start.md', () => {
  it('takes at most six commands', () => {
    assert.ok(commands.length <= MAX_COMMANDS, `${commands.length} commands`)
  })

  it('has programs that compile under strict', () => {
    const compilerOptions = {
      strict: true,
      target: 'es2024',
      lib: ['es2024', 'esnext.disposable'],
      module: 'nodenext',
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
      skipLibCheck: true,
      noEmit: true,
      // The package stands there as its source, which needs these.
      allowImportingTsExtensions: true,
      exactOptionalPropertyTypes: true,
    }
    const config = { compilerOptions, include: ['*.mts'] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))

    const compiler = join(root, 'node_modules/.bin/tsc')
    const { status, stdout } = spawnSync(compiler, ['-p', folder], { encoding: 'utf8' })

    assert.equal(status, 0, stdout)
  })

  it('does what it says, block by block', async () => {
    const [install, place, list, again, redrive, ledger] = commands
    assert.equal(install, 'npm install millrace zod')

    const first = start(place!, port)
    const [charged, paid, parked] = outputs[0]!.split('\n')
    await first.prints(charged!)
    await first.prints(paid!)
    await first.prints(parked!.replace(' ...', ''))
    const listed = start(list!, port)
    await listed.ends()
    assertSameRow(listed.output, outputs[1]!)
    await first.stop()

    const second = start(again!, port)
    await until(async () => {
      const asked = start(redrive!, port)
      await asked.ends().catch(() => undefined)
      return /redrives 1 event/.test(asked.output)
    }, 'the redrive is asked for')
    for (const line of outputs[2]!.split('\n')) await second.prints(line)
    await second.stop()

    const last = start(ledger!, port)
    await last.ends()
    assert.equal(last.output.trim(), outputs[3])
  })
})

/** What `npm install` would bring: the package as it stands here, unbuilt. */
function provide(packages: readonly string[]): void {
  const modules = join(folder, 'node_modules')
  const source = join(folder, 'source')
  mkdirSync(modules)
  mkdirSync(source)
  const door = join(root, 'src/public/millrace.ts')
  writeFileSync(join(source, 'millrace.ts'), `export * from ${JSON.stringify(door)}\n`)
  const exports = { '.': './millrace.ts' }
  writeFileSync(join(source, 'package.json'), JSON.stringify({ type: 'module', exports }))
  for (const name of packages) {
    const from = name === 'millrace' ? source : join(root, 'node_modules', name)
    symlinkSync(from, join(modules, name))
  }
}

/** Its first line says how it is called. */
function save(program: string, port: number): void {
  const name = /^\/\/ (\S+\.mts)$/m.exec(program)![1]!
  const place = "embedded({ dir: './data' })"
  assert.ok(program.includes(place))
  const moved = program.replace(place, `embedded({ dir: './data', listen: '127.0.0.1:${port}' })`)
  writeFileSync(join(folder, name), moved)
}

interface Run {
  readonly output: string
  prints(text: string): Promise<void>
  ends(): Promise<void>
  stop(): Promise<void>
}

function start(command: string, port: number): Run {
  const words = command.replace('npx millrace', `node ${join(root, 'src/cli/main.ts')}`).split(' ')
  const settings = words.filter((word) => /^[A-Z]+=/.test(word)).map((word) => word.split('='))
  const [, ...args] = words.filter((word) => !/^[A-Z]+=/.test(word))
  const env = {
    ...process.env,
    ...Object.fromEntries(settings),
    MILLRACE_BROKER: `127.0.0.1:${port}`,
  }
  const child = spawn(process.execPath, args, { cwd: folder, env })
  running.add(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk
    })
  }
  const ended = new Promise<NodeJS.Signals | number | null>((settle) => {
    child.on('exit', (code, signal) => {
      running.delete(child)
      settle(signal ?? code)
    })
  })
  return {
    get output() {
      return output
    },
    prints: (text) =>
      until(
        () => output.includes(text),
        () => `"${text}" in:\n${output}`,
      ),
    ends: async () => assert.equal(await ended, 0, output),
    stop: async () => {
      child.kill('SIGINT')
      assert.equal(await ended, 'SIGINT', output)
    },
  }
}

async function until(
  isSo: () => boolean | Promise<boolean>,
  what: string | (() => string),
): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!(await isSo())) {
    if (Date.now() > deadline) {
      assert.fail(`not within a minute: ${typeof what === 'string' ? what : what()}`)
    }
    await new Promise((settle) => setTimeout(settle, 20))
  }
}

/** Without a terminal there is no head and no padding; `...` stands for what differs from run to run. */
function assertSameRow(actual: string, documented: string): void {
  const [, row] = documented.split('\n')
  for (const word of row!.split(/\s+/).filter((one) => one !== '...')) {
    assert.ok(actual.includes(word), `${word} is missing in:\n${actual}`)
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((settle) => server.listen(0, '127.0.0.1', settle))
  const address = server.address()
  await new Promise((settle) => server.close(settle))
  assert.ok(typeof address === 'object' && address !== null)
  return address.port
}
