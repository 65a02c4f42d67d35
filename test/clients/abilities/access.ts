// What a client tells its user when the broker refuses: that it is a matter of access, at once, and
// not a timeout. The broker of the matrix controls access, and leaves open what no rule is about.
import assert from 'node:assert/strict'
import type { Ability } from '../ability.ts'

/** Far below what any client would wait for data. */
const DENIED_WITHIN_MS = 15_000

const accessDenied: Ability = {
  name: 'is told that access is denied',
  step: 'first',
  attempt: async ({ client, driver, probe, name }) => {
    const topic = name('denied')
    await probe.createTopic(topic, 1)
    const records = [{ partition: 0, key: null, value: 'dmFsdWU=', headers: [] }]
    const produce = () => driver.call('produce', { topic, clientId: client.id, records })
    await produce()

    await probe.allowOnlyDescribe(topic)

    await assert.rejects(produce(), /authori[sz]/i)
    const read = { topic, partitions: [0], count: 1, timeoutMs: DENIED_WITHIN_MS }
    await assert.rejects(driver.call('read', read), /authori[sz]/i)
    assert.equal(await probe.endOffset(topic, 0), 1, 'nothing was written')
  },
}

export const accessAbilities: readonly Ability[] = [accessDenied]
