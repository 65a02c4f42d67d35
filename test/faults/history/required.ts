// What a campaign must have met, or its silence says nothing: faults that struck, branches of recovery
// that were taken, refusals that were heard.

const recovery = (...names: string[]) => names.map((name) => `recovery ${name}`)
const errors = (...names: string[]) => names.map((name) => `error ${name}`)
const faults = (...names: string[]) => names.map((name) => `fault ${name}`)

const acts = [
  ...['acknowledged', 'read', 'committed', 'aborted', 'commits', 'generations', 'resent'],
  ...['zombies', 'zombies refused', 'overslept', 'asked again', 'deserted transactions'],
  ...['admin: topics made', 'admin: topics deleted', 'admin: partitions added'],
  'admin: records deleted',
  ...['consumers: joined', 'consumers: given up', 'consumers: fell silent', 'consumers: fenced'],
  ...['consumers: commits as who they were', 'stale commits refused', 'compacted away'],
  ...['shared loops: processed', 'shared loops: fell silent', 'shared loops: refused as members'],
  ...['static members: joined', 'static members: restarted', 'static members: left for a while'],
  ...['subscriptions changed', 'subscribed by an expression', 'topics made for expressions'],
]

export const requiredOfSimulation: readonly string[] = [
  ...acts,
  ...faults('power cut', 'kill', 'stop', 'I/O error', 'full disk', 'slow disk'),
  ...faults('clock forward', 'clock back', 'reset', 'half-open', 'late duplicate'),
  ...recovery('segmentsScanned', 'tornTailsCut', 'journalBatchesReplayed', 'cleanOpens'),
  ...recovery('journalBatchesSkipped', 'snapshotsUsed', 'snapshotsRefused'),
  ...recovery('indexesRefused', 'indexesRebuilt', 'openTransactionsFound', 'endsResumed'),
  ...recovery('transactionsUndone', 'groupsFound', 'stagedOffsetsFound'),
  ...recovery('stagedOffsetsSettled', 'groupsUndone'),
  ...errors('CONCURRENT_TRANSACTIONS', 'PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH'),
  ...errors('ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'REBALANCE_IN_PROGRESS'),
  ...errors('MEMBER_ID_REQUIRED', 'COORDINATOR_LOAD_IN_PROGRESS', 'COORDINATOR_NOT_AVAILABLE'),
  ...errors('NOT_COORDINATOR', 'KAFKA_STORAGE_ERROR', 'OUT_OF_ORDER_SEQUENCE_NUMBER'),
  ...errors('OFFSET_OUT_OF_RANGE', 'FENCED_INSTANCE_ID', 'UNRELEASED_INSTANCE_ID'),
]

export const requiredOfReality: readonly string[] = [
  ...['acknowledged', 'read', 'committed', 'aborted', 'commits', 'resent'],
  ...['consumers: joined', 'shared loops: processed', 'compacted away'],
  ...['static members: joined', 'topics made for expressions'],
  ...faults('kill -9', 'clean stop', 'pause', 'full disk', 'slow disk', 'I/O error'),
  ...faults('clock jump', 'late duplicate', 'cut mid-request', 'cut before the answer'),
  ...faults('half-open'),
  ...recovery('diskFaultHits', 'segmentsScanned', 'cleanOpens', 'groupsFound'),
  ...errors('KAFKA_STORAGE_ERROR'),
]

/**
 * Rare ones, which a run of an hour has to meet. Not `gapsCut`: the journal has nearly always what a
 * segment lacks before the next one, and where it has not, `recovery.test.ts` takes that branch.
 */
export const requiredOfLong: readonly string[] = [
  ...recovery('lostPagesCut', 'leftoversRemoved', 'markersRetried'),
  'static members: crashed',
  ...errors('REQUEST_TIMED_OUT', 'STALE_MEMBER_EPOCH', 'UNSTABLE_OFFSET_COMMIT'),
]
