import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { it } from 'node:test'
import { ServeLog } from './serve-log.ts'
import type { Terminal } from './terminal.ts'

const INFO = '{"event":"topic-created","level":"info","time":"T","topic":"orders"}'
const WARNING = '{"event":"request-refused","level":"warn","time":"T","api":"Produce","reason":"x"}'

function terminal(isTty: boolean) {
  const printed = { stdout: '', stderr: '' }
  const sink = (name: 'stdout' | 'stderr') => ({
    isTty,
    columns: 80,
    write: async (content: string | Uint8Array) => {
      printed[name] += String(content)
    },
  })
  const fake: Terminal = {
    stdout: sink('stdout'),
    stderr: sink('stderr'),
    stdin: {
      isTty,
      chunks: () => Readable.from([]),
      ask: async () => '',
      askHidden: async () => '',
    },
    env: { NO_COLOR: '1' },
    interrupted: new AbortController().signal,
  }
  return { terminal: fake, printed }
}

it('off a terminal, ready comes before what was logged before it', async () => {
  const { terminal: pipe, printed } = terminal(false)
  const log = new ServeLog(pipe, { isVerbose: false })

  log.add(WARNING)
  await log.begin({ event: 'ready' })
  log.add(INFO)

  assert.equal(printed.stdout, `{"event":"ready"}\n${WARNING}\n${INFO}\n`)
})

it('a person sees warnings as sentences, and the rest only with --verbose', async () => {
  for (const isVerbose of [false, true]) {
    const { terminal: tty, printed } = terminal(true)
    const log = new ServeLog(tty, { isVerbose })

    log.add(INFO)
    log.add(WARNING)

    const info = isVerbose ? 'info: topic-created topic=orders\n' : ''
    assert.equal(printed.stderr, `${info}warning: request-refused api=Produce reason=x\n`)
    assert.equal(printed.stdout, '')
  }
})

it('what a client sent can not drive the terminal', () => {
  const { terminal: tty, printed } = terminal(true)

  new ServeLog(tty, { isVerbose: false }).add(
    '{"event":"request-refused","level":"warn","clientId":"\\u001b[2J"}',
  )

  assert.equal(printed.stderr, 'warning: request-refused clientId=\\x1b[2J\n')
})
