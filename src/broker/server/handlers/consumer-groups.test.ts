// Consumer groups of the new protocol, as a client sees them: request by request as Kafka answered.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { handlerFor } from '../handler-table.ts'
import { openHandlerWorld } from '../handler-test-world.ts'
import { type StoryLine, tell } from './consumer-group-story.ts'

/** Written by scripts/fixtures/consumer-group-answers.ts, which asked Kafka 4.3.1. */
const answers: StoryLine[] = readFileSync(
  new URL('./fixtures/kafka-4.3.1-consumer-group-answers.jsonl', import.meta.url),
  'utf8',
)
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))

describe('consumer groups', () => {
  it('answer each request of a long story as Kafka 4.3.1 did', async () => {
    await using world = await openHandlerWorld()

    const lines = await tell({
      ask: (api, version, body) => world.ask(handlerFor(api.key)!, api, version, body),
      settled: async () => undefined,
    })

    for (const [index, line] of lines.entries()) {
      assert.deepEqual(JSON.parse(JSON.stringify(line)), answers[index], `answer ${index}`)
    }
    assert.equal(lines.length, answers.length)
  })
})
