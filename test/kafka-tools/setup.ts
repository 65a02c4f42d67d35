// Runs Kafka's tools and the cases of its Admin client against a broker, and makes what they print
// comparable: ids, ports, folders and wordings differ between any two brokers.

import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const here = import.meta.dirname
export const recordedPath = join(here, 'kafka-4.3.1.txt')
/** Of Kafka's tool for access rules, which needs a broker that controls access: acl.properties. */
export const recordedAclPath = join(here, 'acl-kafka-4.3.1.txt')
export const aclSettingsPath = join(here, 'acl.properties')

const files = {
  'delete-records.json': {
    version: 1,
    partitions: [
      { topic: 'tools', partition: 0, offset: -1 },
      { topic: 'tools', partition: 1, offset: 999 },
    ],
  },
  'reassign.json': { version: 1, partitions: [{ topic: 'tools', partition: 0, replicas: [1] }] },
}

/** What each case printed, by the case's name. */
export type Outcomes = ReadonlyMap<string, string>

/** @param libraries folder of Kafka's jars */
export async function runAgainst(broker: string, libraries: string): Promise<Outcomes> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-kafka-tools-'))
  try {
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(folder, name), JSON.stringify(content))
    }
    const commands = await readFile(join(here, 'commands.txt'), 'utf8')
    const input = commands.replaceAll('BROKER', broker).replaceAll('FOLDER', folder)
    const classPath = ['-cp', `${libraries}/*`, '-Dlog4j2.level=OFF']
    const tools = await java([...classPath, join(here, 'Tools.java')], input)
    const admin = await java([...classPath, join(here, 'AdminCases.java'), broker], '')
    const text = `${tools}${admin}`.replaceAll(broker, 'BROKER').replaceAll(folder, 'FOLDER')
    return parseOutcomes(comparable(text))
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** What Kafka's tool for access rules prints. @param libraries folder of Kafka's jars */
export async function runAclTool(broker: string, libraries: string): Promise<Outcomes> {
  const commands = await readFile(join(here, 'acl-commands.txt'), 'utf8')
  const classPath = ['-cp', `${libraries}/*`, '-Dlog4j2.level=OFF']
  const tools = [...classPath, join(here, 'Tools.java')]
  const text = await java(tools, commands.replaceAll('BROKER', broker))
  const outcomes = parseOutcomes(comparable(text.replaceAll(broker, 'BROKER')))
  return new Map([...outcomes].map(([name, outcome]) => [name, sorted(outcome)]))
}

/** The tool prints resources, and the rules of each, in the order of a hash. */
function sorted(outcome: string): string {
  const blocks = outcome.split(/^(?=Current |Adding )/m).map((block) => {
    const lines = block.split('\n').map((line) => line.trim())
    const rules = lines.filter((line) => line.startsWith('(')).sort()
    const others = lines.filter((line) => line !== '' && !line.startsWith('('))
    return [...others.slice(0, 1), ...rules, ...others.slice(1)].join('\n')
  })
  const [end] = /^exit \d+$/m.exec(outcome) ?? ['']
  return [...blocks.map((block) => block.replace(end, '').trim()).sort(), end].join('\n')
}

/** Cases begin with `$ NAME` and end with the next one. A name that comes again is numbered. */
export function parseOutcomes(text: string): Outcomes {
  const outcomes = new Map<string, string>()
  for (const block of text.split(/^\$ /m).slice(1)) {
    const end = block.indexOf('\n')
    const title = block.slice(0, end)
    let name = title
    for (let count = 2; outcomes.has(name); count++) name = `${title} (${count})`
    outcomes.set(name, block.slice(end + 1).trimEnd())
  }
  return outcomes
}

export function formatOutcomes(outcomes: Outcomes): string {
  return [...outcomes].map(([name, text]) => `$ ${name}\n${text}\n`).join('')
}

function comparable(text: string): string {
  return (
    text
      .replace(/^(\s+at |Caused by:|\s*\.\.\. \d+ more).*\n/gm, '')
      .replace(/^SLF4J.*\n|^WARNING.*\n/gm, '')
      .replace(/(\w+Exception): .*$/gm, '$1')
      .replace(/(Error while executing \w+ command) : .*$/gm, '$1')
      .replace(/^\[[-\d]+ [:,\d]+\] /gm, '')
      .replace(/TopicId: \S+/g, 'TopicId: ?')
      .replace(/Cluster ID: \S+/g, 'Cluster ID: ?')
      .replace(/Epoch: \d+/g, 'Epoch: ?')
      .replace(/"(?:logDir|log_dirs)":\[?"[^"]*"\]?/g, '"logDir":"?"')
      .replace(/127\.0\.0\.1( +)\d+( +)/g, '127.0.0.1 PORT ')
      .replace(/localhost:\d+/g, 'BROKER')
      // A new Kafka cluster sets this on every broker, because it tracks who may become leader.
      .replace(/^ *min\.insync\.replicas=1 .*\n/gm, '')
      .replace(/min\.insync\.replicas=1,?/g, '')
      .replace(/[ \t]+$/gm, '')
      .replace(
        /(?:^partition: .*\n)+/gm,
        (lines) => `${lines.trimEnd().split('\n').sort().join('\n')}\n`,
      )
  )
}

function java(args: readonly string[], input: string): Promise<string> {
  const child = spawn('java', ['-Xmx256m', ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  child.stdin.end(input)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(output)
      else reject(new Error(`java ended with ${code}: ${errors.slice(-2000)}`))
    })
  })
}
