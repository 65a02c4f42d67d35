import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BrokerSettings } from './broker-settings.ts'
import { resolveSettings } from './static-settings.ts'
import { logConfigOf } from './topic-settings.ts'

const settingsOf = () => new BrokerSettings(resolveSettings({}))

describe('the configuration of a log', () => {
  it("has Kafka's defaults, and Long.MAX is larger than any time", () => {
    const config = logConfigOf({}, settingsOf())

    assert.deepEqual(config.cleanupPolicy, ['delete'])
    assert.equal(config.segmentBytes, 1_073_741_824)
    assert.equal(config.maxCompactionLagMs, Number.MAX_SAFE_INTEGER)
    assert.equal(config.messageTimestampType, 'CreateTime')
    for (const [name, value] of Object.entries(config)) assert.notEqual(value, Number.NaN, name)
  })

  it('follows what the topic sets', () => {
    const own = {
      'cleanup.policy': 'compact,delete',
      'message.timestamp.type': 'LogAppendTime',
      'internal.segment.bytes': '1000',
    }
    const config = logConfigOf(own, settingsOf())

    assert.deepEqual(config.cleanupPolicy, ['delete', 'compact'])
    assert.equal(config.messageTimestampType, 'LogAppendTime')
    assert.equal(config.segmentBytes, 1000)
  })
})
