import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BrokerSettings } from './broker-settings.ts'
import { resolveSettings } from './static-settings.ts'
import { topicConfigKeys } from './topic-config-keys.ts'

const settingsOf = (text = '') => new BrokerSettings(resolveSettings({ file: { path: 'f', text } }))

const retention = topicConfigKeys.get('retention.ms')!

describe('the retention of a topic', () => {
  const retentionOf = (text: string, own: Record<string, string> = {}) =>
    settingsOf(text).effectiveText(retention, own, 'topic')

  it('is its own, else log.retention.ms, minutes, hours, whichever is set first in that order', () => {
    const all = 'log.retention.hours=1\nlog.retention.minutes=2\nlog.retention.ms=3\n'

    assert.equal(retentionOf(all, { 'retention.ms': '4' }), '4')
    assert.equal(retentionOf(all), '3')
    assert.equal(retentionOf('log.retention.hours=1\nlog.retention.minutes=2'), '120000')
    assert.equal(retentionOf('log.retention.hours=1'), '3600000')
    assert.equal(retentionOf(''), '604800000')
  })

  it('is for ever when hours or minutes are -1', () => {
    assert.equal(retentionOf('log.retention.minutes=-1'), '-1')
  })
})

describe('an altered setting', () => {
  it('counts above what was set at start, for this broker above for every broker', () => {
    const settings = settingsOf('message.max.bytes=1')
    settings.setAltered({
      forThisBroker: { 'message.max.bytes': '3' },
      forEveryBroker: { 'message.max.bytes': '2' },
    })

    assert.deepEqual(settings.layers('message.max.bytes'), [
      { name: 'message.max.bytes', text: '3', source: 'dynamic-broker' },
      { name: 'message.max.bytes', text: '2', source: 'dynamic-default-broker' },
      { name: 'message.max.bytes', text: '1', source: 'static-broker' },
      { name: 'message.max.bytes', text: '1048588', source: 'default' },
    ])
  })

  it('shows in the configuration that rooms already hold', () => {
    const settings = settingsOf()
    const { config } = settings

    settings.setAltered({ forEveryBroker: { 'log.cleaner.backoff.ms': '7' } })

    assert.equal(config.logCleanerBackoffMs, 7)

    settings.setAltered({})

    assert.equal(config.logCleanerBackoffMs, 15_000)
  })
})
