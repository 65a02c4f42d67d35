import assert from 'node:assert/strict'
import { it } from 'node:test'
import { describeGroup, listedClassicGroup, matchesFilter } from './describe.ts'
import { Scenario } from './scenario.ts'

it('a stable group is described with its protocol, metadata and assignments', () => {
  const scenario = new Scenario()
  const [a] = scenario.stableWith({ groupInstanceId: 'i' })

  assert.deepEqual(describeGroup(scenario.group!), {
    groupState: 'Stable',
    protocolType: 'consumer',
    protocolData: 'range',
    members: [
      {
        memberId: a,
        groupInstanceId: 'i',
        clientId: 'client',
        clientHost: '/127.0.0.1',
        memberMetadata: Buffer.from('a'),
        memberAssignment: Buffer.from(a!),
      },
    ],
  })
})

it('a group that rebalances keeps its metadata to itself', () => {
  const scenario = new Scenario()
  scenario.join()

  const { groupState, protocolData, members } = describeGroup(scenario.group!)

  assert.equal(groupState, 'CompletingRebalance')
  assert.equal(protocolData, '')
  assert.equal(members[0]?.memberMetadata.length, 0)
})

it('filters match states and types whatever their case', () => {
  const scenario = new Scenario()
  scenario.stableWith({})
  const matches = (states: string[], types: string[]) =>
    matchesFilter(listedClassicGroup(scenario.group!), { states, types })

  assert.equal(matches([], []), true)
  assert.equal(matches(['empty', ' STABLE '], ['Classic']), true)
  assert.equal(matches(['Empty'], []), false)
  assert.equal(matches([], ['consumer']), false)
})
