// The power goes at every write and every sync of workloads on the log, and nothing that was promised
// is broken; and each of the mistakes that this test is there to find makes it fail.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { recoveryCounters } from '../../../src/broker/log/recovery-counters.ts'
import { Campaign, describeFinding } from '../campaign.ts'
import { COMPACTED_COMMAND, compactedSettings, LOG_COMMAND } from './campaign.ts'
import { BreachError } from './ledger.ts'
import { type RunOptions, runOnce } from './log-run.ts'

const SEEDS = 16
/** Of one workload; where there are more places, some are left to the long version. */
const MAX_CUTS = 60
/** Of which only the end is looked at. */
const STOPPED_SEEDS = 20
const MAX_PLANTED_RUNS = 400
const COMPACTED_SEEDS = 2

describe('the log, when the power goes', () => {
  it('keeps every promise, wherever it goes', async () => {
    const campaign = new Campaign(runOnce)

    for (let seed = 0; seed < SEEDS; seed++) await campaign.everyCut({ seed }, MAX_CUTS)

    const findings = campaign.findings.map((finding) => describeFinding(finding, LOG_COMMAND))
    assert.equal(findings.join('\n\n'), '')
    // A green run must not be an empty one.
    assert.ok(campaign.runs > 400, `${campaign.runs} runs`)
    assert.ok(campaign.count('acknowledged') > 10_000 && campaign.count('read') > 10_000)
    // Two unsynced writes of one file that change places are for the long version: they are rare,
    // since what went through the journal reaches its file in one.
    for (const name of ['writesLost', 'writesTorn', 'namesLost']) {
      assert.ok(campaign.count(name) > 0, `${name} never happened`)
    }
    for (const cut of ['cut before', 'cut after']) assert.ok(campaign.count(cut) > 50, cut)
    const branches = [
      'segmentsScanned',
      'tornTailsCut',
      'lostPagesCut',
      'journalBatchesReplayed',
      'journalBatchesSkipped',
      'cleanOpens',
      'snapshotsUsed',
    ] as const
    for (const name of branches) assert.ok(recoveryCounters[name] > 0, `never reached: ${name}`)
    assert.equal(recoveryCounters.corruptionsFound, 0, 'a power cut was taken for damage')
  })

  it('keeps what a clean stop has closed, many partitions at once', async () => {
    const campaign = new Campaign(runOnce)

    for (let seed = SEEDS; seed < SEEDS + STOPPED_SEEDS; seed++)
      await campaign.everyCut({ seed }, 1)

    assert.deepEqual(
      campaign.findings.map((finding) => describeFinding(finding, LOG_COMMAND)),
      [],
    )
  })

  it('takes nothing but what was superseded, wherever it goes while the log is compacted', async () => {
    const campaign = new Campaign(runOnce)
    const { swapsCompleted, leftoversRemoved } = recoveryCounters

    for (let seed = 0; seed < COMPACTED_SEEDS; seed++) {
      await campaign.everyCut({ seed, settings: compactedSettings }, MAX_CUTS)
    }

    assert.deepEqual(
      campaign.findings.map((finding) => describeFinding(finding, COMPACTED_COMMAND)),
      [],
    )
    const { runs } = campaign
    const compactions = campaign.count('compactions')
    assert.ok(compactions > 200, `${compactions} compactions in ${runs} runs`)
    assert.ok(recoveryCounters.swapsCompleted > swapsCompleted, 'no .swap was completed')
    assert.ok(recoveryCounters.leftoversRemoved > leftoversRemoved, 'no .cleaned was removed')
    assert.equal(recoveryCounters.corruptionsFound, 0)
  })

  it('does exactly the same again from the same seed', async () => {
    const options = { seed: 3, cutAt: { action: 'sync', index: 5 } } as const

    const first = await runOnce(options)
    const second = await runOnce(options)

    assert.deepEqual(second, first)
  })
})

describe('a planted mistake is found', () => {
  // What makes the journal go round while its partitions stay unsynced.
  const journalHeavy = {
    partitions: 4,
    producersPerPartition: 1,
    recordsPerBatch: 1,
    valueBytes: 900,
    batchesPerProducer: 10,
    maxInFlight: 1,
    segmentBytes: 1_000_000,
    journalFileBytes: 9_000,
    checkpointIntervalMs: 60_000,
  }
  const mistakes: Record<string, Omit<RunOptions, 'seed'>> = {
    'sync does nothing': { diskFaults: { syncDoesNothing: true } },
    'a folder sync does nothing': { diskFaults: { folderSyncDoesNothing: true } },
    'folders are not synced': { logFaults: { skipFolderSync: true } },
    'acknowledged before the sync': { logFaults: { acknowledgeBeforeSync: true } },
    'the journal is emptied early': {
      logFaults: { journalEmptiedEarly: true },
      settings: journalHeavy,
    },
    'the CRC is ignored': { logFaults: { ignoreCrc: true } },
    'a compacted segment is not synced': {
      logFaults: { compactedUnsynced: true },
      settings: compactedSettings,
    },
    'a duplicate is acknowledged early': { logFaults: { duplicateAcknowledgedEarly: true } },
  }
  for (const [mistake, options] of Object.entries(mistakes)) {
    it(mistake, async () => {
      const campaign = new Campaign(runOnce)

      const finding = await campaign.firstFinding(
        (seed) => ({ ...options, seed }),
        MAX_PLANTED_RUNS,
      )

      assert.ok(finding !== undefined, `not found in ${campaign.runs} runs`)
      assert.ok(finding.error instanceof BreachError, describeFinding(finding, LOG_COMMAND))
    })
  }
})
