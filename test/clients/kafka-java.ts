// The two programs of examples/kafka-java, run as they are against the broker of this run.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from './probe.ts'
import { root } from './target.ts'

const example = join(root, 'examples/kafka-java/src/main/java')
const built = join(root, '.cache/clients/kafka-java')

/** What this product was asked for, word for word; only the indentation may differ. */
const asked = {
  SendEvent: `
KafkaProducer<String, String> producer = new KafkaProducer<>(config);
producer.send(new ProducerRecord<>("events", "user_login", "user123"));
producer.close();`,
  ReadEvents: `
KafkaConsumer<String, String> consumer = new KafkaConsumer<>(config);
consumer.subscribe(Arrays.asList("events"));
while (true) {
ConsumerRecords<String, String> records = consumer.poll(100);
for (ConsumerRecord<String, String> record : records) {
System.out.println(record.value());
}
}`,
}

/** Checks that the programs are still the ones that were asked for. */
export function assertUnchanged(): void {
  for (const [program, lines] of Object.entries(asked)) {
    const source = readFileSync(join(example, `${program}.java`), 'utf8')
    assert.ok(source.replaceAll(/\n +/g, '\n').includes(lines.trim()), program)
  }
}

/** Sends before the reader has begun and while it reads: it prints both, and nothing else. */
export async function runBoth(bootstrap: string): Promise<void> {
  await sendEvent(bootstrap)
  const reader = start('ReadEvents', bootstrap)
  try {
    let printed = ''
    reader.stdout!.setEncoding('utf8').on('data', (text: string) => {
      printed += text
    })
    await until('the reader prints the event', () => printed === 'user123\n')
    await sendEvent(bootstrap)
    await until('the reader prints the next', () => printed === 'user123\nuser123\n')
  } finally {
    const ended = once(reader, 'close')
    reader.kill()
    await ended
  }
}

async function sendEvent(bootstrap: string): Promise<void> {
  const [code] = await once(start('SendEvent', bootstrap), 'close')
  assert.equal(code, 0)
}

function start(program: string, bootstrap: string): ChildProcess {
  const classPath = `${join(built, 'classes')}:${join(built, 'lib', '*')}`
  return spawn('java', ['-XX:TieredStopAtLevel=1', '-cp', classPath, program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, BOOTSTRAP_SERVERS: bootstrap },
  })
}
