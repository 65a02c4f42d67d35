// The whole broker through power cuts, kills and clean stops, and nothing that anybody was told is
// broken; and each of the mistakes that this test is there to find makes it fail.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { recoveryCounters } from '../../../src/broker/log/recovery-counters.ts'
import { Campaign } from '../campaign.ts'
import { type Breach, BreachError } from '../crash/ledger.ts'
import { SeededRandom } from '../seeded-random.ts'
import { type BrokerRunOptions, runBrokerOnce } from './broker-run.ts'
import { describeBrokerFinding } from './campaign.ts'

const SEEDS = 24
/** Of one workload; the others are left to the long version. */
const MAX_CUTS = 4
const MAX_PLANTED_RUNS = 400

describe('the broker, when the power goes', () => {
  it('keeps every promise, wherever it goes', async () => {
    const campaign = new Campaign(runBrokerOnce)

    for (let seed = 0; seed < SEEDS; seed++) await campaign.everyCut({ seed }, MAX_CUTS)

    const [first] = campaign.findings
    assert.equal(first && (await describeBrokerFinding(first)), undefined)
    // A green run must not be an empty one.
    const atLeast: Record<string, number> = {
      acknowledged: 5_000,
      read: 5_000,
      commits: 500,
      resent: 100,
      generations: 100,
      interruptions: 100,
      'power cuts': 100,
      kills: 50,
      'clean stops': 20,
      'cut before': 50,
      'cut after': 50,
      resets: 50,
      silences: 1,
      writesLost: 100,
      writesTorn: 1,
      namesLost: 100,
      'admin: create': 20,
      'admin: delete': 10,
      'admin: alter': 10,
      'admin: add a partition': 5,
      'admin: delete records': 20,
      'admin: produce': 10,
      'admin: producer id': 10,
    }
    for (const [name, least] of Object.entries(atLeast)) {
      assert.ok(campaign.count(name) >= least, `${name}: ${campaign.count(name)} of ${least}`)
    }
    const branches = [
      'segmentsScanned',
      'tornTailsCut',
      'journalBatchesReplayed',
      'journalBatchesSkipped',
      'cleanOpens',
      'snapshotsUsed',
      'leftoversRemoved',
    ] as const
    for (const name of branches) assert.ok(recoveryCounters[name] > 0, `never reached: ${name}`)
    assert.equal(recoveryCounters.corruptionsFound, 0, 'a power cut was taken for damage')
  })

  it('does exactly the same again from the same seed', async () => {
    const options = { seed: 12, cutAt: { action: 'sync', index: 40 } } as const

    const first = await runBrokerOnce(options)
    const second = await runBrokerOnce(options)

    assert.deepEqual(second, first)
  })
})

const producersOnly = {
  partitions: 6,
  idempotentProducers: 6,
  plainProducers: 0,
  followers: 0,
  members: 0,
  admins: 0,
}

/**
 * The first life's disk fails one sync of a file of records, and drops what it should have kept. One
 * file alone is synced directly, with nothing of it in the journal.
 */
function failingSync(seed: number): Pick<BrokerRunOptions, 'errors' | 'settings'> {
  const index = new SeededRandom(seed).below(6)
  return {
    errors: [{ on: 'sync', index, code: 'io', path: 'topics/data-' }],
    settings: {
      ...{ ...producersOnly, partitions: 1, idempotentProducers: 2 },
      ...{ segmentMs: 600_000, checkpointIntervalMs: 60_000, journalFileBytes: 64_000 },
      netFaults: {},
    },
  }
}

/** Answers are lost at once and asked for again while the sync runs that they wait for. */
const hastyResends = {
  ...{ ...producersOnly, partitions: 1, idempotentProducers: 3 },
  ...{ batchesPerLife: 10, valueBytes: 600, compression: 'none' as const, maxInFlight: 5 },
  ...{ thinkMs: 0, resendAfterMs: 0.05 },
  ...{ journalFileBytes: 64_000, checkpointIntervalMs: 60_000, segmentMs: 600_000 },
  netFaults: { maxDelayMs: 0.001, resetChance: 0.8 },
}

/** Batches of several pages, in files that are synced directly: a power cut leaves parts of them. */
const tornBatches = {
  ...{ ...producersOnly, partitions: 2, idempotentProducers: 4 },
  ...{ batchesPerLife: 10, recordsPerBatch: 5, valueBytes: 600, maxInFlight: 5 },
  ...{ checkpointIntervalMs: 60_000, netFaults: {} },
}

describe('a mistake planted in the broker is found', () => {
  const mistakes: Record<string, (seed: number) => Omit<BrokerRunOptions, 'seed'>> = {
    'sync does nothing': () => ({ diskFaults: { syncDoesNothing: true } }),
    'a folder sync does nothing': () => ({ diskFaults: { folderSyncDoesNothing: true } }),
    'folders are not synced': () => ({ internals: { logFaults: { skipFolderSync: true } } }),
    'acknowledged before the sync': () => ({
      internals: { logFaults: { acknowledgeBeforeSync: true } },
    }),
    'the journal is emptied early': () => ({
      internals: { logFaults: { journalEmptiedEarly: true } },
      settings: { ...producersOnly, journalFileBytes: 4_000 },
    }),
    'a failed sync is tried again': (seed) => ({
      internals: { logFaults: { retryFailedSync: true } },
      ...failingSync(seed),
    }),
    'the CRC is ignored': () => ({
      internals: { logFaults: { ignoreCrc: true } },
      settings: tornBatches,
    }),
    'a duplicate is acknowledged early': () => ({
      internals: { logFaults: { duplicateAcknowledgedEarly: true } },
      settings: hastyResends,
    }),
    'producer ids are given before they are stored': () => ({
      internals: { catalogFaults: { producerIdsGivenEarly: true } },
      settings: { ...producersOnly, batchesPerLife: 1, netFaults: { maxDelayMs: 0.001 } },
    }),
  }
  /** Where any other breach would be of another making. */
  const seenAs: Record<string, Breach> = {
    'a failed sync is tried again': 'lost',
    'a duplicate is acknowledged early': 'lost',
    'producer ids are given before they are stored': 'id reused',
  }
  /** Where the search begins, so that it is short; another broker may need it to go on for a while. */
  const firstSeeds: Record<string, number> = {
    'acknowledged before the sync': 16,
    'the journal is emptied early': 8,
    'a duplicate is acknowledged early': 117,
    'producer ids are given before they are stored': 17,
  }
  for (const [mistake, optionsOf] of Object.entries(mistakes)) {
    it(mistake, async (t) => {
      const campaign = new Campaign(runBrokerOnce)

      const finding = await campaign.firstFinding(
        (seed) => ({ ...optionsOf(seed), seed }),
        MAX_PLANTED_RUNS,
        firstSeeds[mistake],
      )

      assert.ok(finding !== undefined, `not found in ${campaign.runs} runs`)
      assert.ok(finding.error instanceof BreachError, String(finding.error))
      const expected = seenAs[mistake]
      if (expected !== undefined) assert.equal(finding.error.breach, expected)
      t.diagnostic(`run ${campaign.runs}: ${finding.error.message}`)
    })
  }

  it('and a broker without it lives through the same failing syncs', async () => {
    const campaign = new Campaign(runBrokerOnce)

    await campaign.firstFinding((seed) => ({ ...failingSync(seed), seed }), 20)
    // With everybody else there too, most of what is acknowledged is in the journal.
    await campaign.firstFinding((seed) => ({ errors: failingSync(seed).errors ?? [], seed }), 36)

    const [first] = campaign.findings
    assert.equal(first && (await describeBrokerFinding(first)), undefined)
    assert.ok(campaign.count('io on sync') > 5)
  })

  it('and through the same torn batches and hasty resends', async () => {
    for (const settings of [tornBatches, hastyResends]) {
      const campaign = new Campaign(runBrokerOnce)

      await campaign.firstFinding((seed) => ({ settings, seed }), 30)

      const [first] = campaign.findings
      assert.equal(first && (await describeBrokerFinding(first)), undefined)
      assert.ok(campaign.count('acknowledged') > 500)
    }
  })
})
