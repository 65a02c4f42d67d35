import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KeyMap } from './key-map.ts'

const key = (n: number) => Buffer.from(`key ${n}`)

describe('the map of keys', () => {
  it('knows the last offset of each key, through all its growing', () => {
    const map = new KeyMap({ maxBytes: 4 * 1024 * 1024, loadFactor: 0.9 })

    for (let n = 0; n < 50_000; n++) assert.ok(map.put(key(n), n))
    for (let n = 0; n < 50_000; n += 2) map.put(key(n), n + 2 ** 40)

    assert.equal(map.size, 50_000)
    for (let n = 0; n < 50_000; n++) assert.equal(map.get(key(n)), n % 2 === 0 ? n + 2 ** 40 : n)
    assert.equal(map.get(key(50_000)), -1)
  })

  it('takes no more keys than its bytes allow, and goes on moving those that it has', () => {
    const maxBytes = 1024 * 1024
    const map = new KeyMap({ maxBytes, loadFactor: 0.5 })
    let count = 0
    while (map.put(key(count), count)) count += 1

    const slots = maxBytes / 24
    assert.ok(count > slots * 0.45 && count <= slots * 0.5, `${count} of ${slots}`)
    assert.ok(map.sizeBytes <= maxBytes)
    assert.equal(map.put(key(0), 77), true)
    assert.equal(map.get(key(0)), 77)
  })

  it('is small while it has few keys', () => {
    const map = new KeyMap({ maxBytes: 128 * 1024 * 1024, loadFactor: 0.9 })
    for (let n = 0; n < 100; n++) map.put(key(n), n)

    assert.ok(map.sizeBytes < 256 * 1024, String(map.sizeBytes))
  })

  it('has room for something however few bytes it is given', () => {
    const map = new KeyMap({ maxBytes: 0, loadFactor: 0 })

    assert.equal(map.put(key(1), 0), true)
    assert.equal(map.put(key(2), 1), false)
    assert.equal(map.get(key(2)), -1)
  })
})
