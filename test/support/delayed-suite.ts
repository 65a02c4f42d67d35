// Delayed events on an engine, in real time: two applications come and go while events wait.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, describe, it } from 'node:test'
import { z } from 'zod'
import type { App } from '../../src/sdk/app/app.ts'
import { connect } from '../../src/sdk/app/connect.ts'
import { event } from '../../src/sdk/events/event.ts'
import { topic } from '../../src/sdk/events/topic.ts'
import type { Engine, Transport } from '../../src/sdk/transport/transport.ts'
import { dueMsIn, recordsIn } from './delaying-app.ts'
import { until } from './until.ts'

const KEYS = 6
const EVENTS = 60
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

export function delayedSuite(suite: {
  readonly name: string
  engine(): Promise<Engine>
  close?(): Promise<void>
}): void {
  describe(`delayed events on ${suite.name}`, () => {
    const apps: App[] = []
    after(async () => {
      for (const app of apps) await app.close({ drain: '0ms' })
      await suite.close?.()
    })

    it('come once, when they are due and in order, while applications come and go', async () => {
      const engine = await suite.engine()
      const Reminded = event('trial.Reminded', z.object({ key: z.string(), n: z.number() }))
      const name = `delayed-${randomUUID()}`
      const reminders = topic(name, {
        events: { Reminded },
        key: ({ data }) => data.key,
        partitions: 2,
      })
      const open = async () => {
        const app = await connect({
          ...{ service: 'trial', broker: engine, topics: [reminders], log: silent },
        })
        apps.push(app)
        return app
      }
      const first = await open()
      const second = await open()
      const observer = await engine.open({ service: 'observer', onWarning: () => undefined })

      for (let n = 0; n < EVENTS; n++) {
        const message = Reminded({ key: `k${n % KEYS}`, n })
        const options = { id: `${name} ${n}`, delay: `${200 + 40 * n}ms` } as const
        await (n % 2 === 0 ? first : second).publish(message, options)
      }
      await first.close()
      const third = await open()
      const hasAll = async () => (await recordsIn(observer, name)).length >= EVENTS
      await until(hasAll, { deadlineMs: 60_000, what: 'all events' })
      await second.close()
      await third.close()

      await check(observer, name)
      await observer.close()
    })
  })
}

async function check(observer: Transport, name: string): Promise<void> {
  const records = await recordsIn(observer, name)
  const events = records.map(
    ({ value }) => JSON.parse(`${Buffer.from(value!)}`) as { n: number; key: string },
  )
  const numbers = events.map(({ n }) => n).sort((a, b) => a - b)
  assert.deepEqual(
    numbers,
    Array.from({ length: EVENTS }, (_, n) => n),
  )
  for (const record of records) assert.ok(record.timestampMs >= dueMsIn(record), 'one came early')
  for (let key = 0; key < KEYS; key++) {
    const dues = records.filter((_, index) => events[index]!.key === `k${key}`).map(dueMsIn)
    assert.deepEqual(
      dues,
      dues.toSorted((a, b) => a - b),
    )
  }
}
