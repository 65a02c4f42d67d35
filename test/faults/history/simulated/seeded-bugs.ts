// Brokers with one promise switched off, and what the checker must say of each. Most are found in any
// busy run; where a mistake shows only in a rare moment, the settings make that moment common.

import type { BrokerInternals } from '../../../../src/broker/broker-rooms.ts'
import type { LogFaults } from '../../../../src/broker/log/faults.ts'
import type { CoordinatorFaults } from '../../../../src/broker/server/coordinator-faults.ts'
import type { AnomalyKind } from '../checker/anomaly.ts'
import type { SimulatedSettings } from './simulated-run.ts'

export interface SeededBug {
  readonly internals: BrokerInternals
  /** At least one of these must be among what is found. */
  readonly seenAs: readonly AnomalyKind[]
  readonly settings?: Partial<SimulatedSettings>
  /** With which it was found; when what a seed does has changed, others are tried. */
  readonly seed?: number
}

/** Much of everything that makes one run meet many mistakes. */
const busy: Partial<SimulatedSettings> = {
  ...{ writers: 2, transactionalWriters: 3, processors: 2, followers: 3, members: 2, admins: 0 },
  ...{ partitions: 2, lives: 2, lifeMs: 250, thinkMs: 2, classicShare: 0.3, resumeChance: 0.5 },
  ...{
    keys: 0,
    sharedLoops: 0,
    memberProtocol: 'classic',
    staticShare: 0,
    wishes: 'same',
    groupTimes: { sessionTimeoutMs: 500, rebalanceTimeoutMs: 1_000 },
  },
  ...{ fullDiskChance: 0, ioErrorChance: 0, slowDiskChance: 0, clockJumpChance: 0 },
}
const zombies = { ...busy, zombieChance: 0.3, classicShare: 0 }
const manyAborts = { ...busy, abortChance: 0.5 }
const lostAnswers = { ...busy, netFaults: { maxDelayMs: 0.1, resetChance: 0.5 }, maxInFlight: 5 }
const consumers: Partial<SimulatedSettings> = {
  ...busy,
  ...{ members: 3, memberProtocol: 'consumer' },
  groupTimes: { sessionTimeoutMs: 100, rebalanceTimeoutMs: 300 },
}
const loops: Partial<SimulatedSettings> = {
  ...{ ...busy, processors: 0, members: 0, sharedLoops: 3, loopProtocol: 'classic' },
  groupTimes: { sessionTimeoutMs: 100, rebalanceTimeoutMs: 300 },
}
const compacted: Partial<SimulatedSettings> = {
  ...{ ...busy, processors: 0, members: 0, followers: 1, keys: 12, segmentMs: 20 },
  ...{ lifeMs: 400, abortChance: 0.5 },
}
const quiet = { ...busy, segmentMs: 600_000, checkpointIntervalMs: 60_000 }

/** Long syncs, few that share one: much is under way when the power goes. */
const slowSyncs = {
  ...quiet,
  writers: 4, // so that two write to one partition: what was lost comes again in another order
  slowDiskChance: 1,
  lives: 4,
  followers: 4,
  partitions: 1,
  maxInFlight: 5,
}

const inLog = (logFaults: LogFaults): BrokerInternals => ({ logFaults })
const inCoordinator = (coordinatorFaults: CoordinatorFaults) => ({
  coordinatorFaults,
})

export const seededBugs: Readonly<Record<string, SeededBug>> = {
  'acknowledged before the sync': {
    internals: inLog({ acknowledgeBeforeSync: true }),
    seenAs: ['lost-write', 'inconsistent-offsets', 'lost-read', 'high-watermark-back'],
    settings: slowSyncs,
    seed: 2,
  },
  'shown before the sync': {
    internals: inLog({ unsyncedShown: true }),
    seenAs: ['lost-read', 'high-watermark-back', 'inconsistent-offsets'],
    settings: slowSyncs,
    seed: 2,
  },
  'the names of new files are not synced': {
    internals: inLog({ skipFolderSync: true }),
    seenAs: ['lost-write', 'lost-read', 'high-watermark-back', 'stuck'],
    settings: busy,
  },
  'the journal is emptied early': {
    internals: inLog({ journalEmptiedEarly: true }),
    seenAs: ['lost-write', 'lost-read', 'high-watermark-back', 'stuck', 'refused-in-order'],
    settings: { ...busy, journalFileBytes: 4_000, checkpointIntervalMs: 60_000 },
    seed: 28,
  },
  'producers are forgotten at a restart': {
    internals: inLog({ producersForgotten: true }),
    seenAs: ['duplicate'],
    settings: { ...lostAnswers, lives: 3 },
    seed: 2,
  },
  'resent batches are appended again': {
    internals: inLog({ duplicatesAppended: true }),
    seenAs: ['duplicate'],
    settings: lostAnswers,
  },
  'open transactions hold nobody back': {
    internals: inLog({ openTransactionsShown: true }),
    seenAs: ['precommitted-read', 'g1a'],
    settings: busy,
  },
  'aborted transactions are not listed': {
    internals: inLog({ abortedNotListed: true }),
    seenAs: ['g1a'],
    settings: manyAborts,
  },
  'aborted transactions are listed in the wrong order': {
    internals: inLog({ abortedListReversed: true }),
    seenAs: ['g1a', 'lost-write', 'poll-skip'],
    settings: manyAborts,
  },
  'the end of a transaction is answered before it is durable': {
    internals: inCoordinator({ endAnsweredEarly: true }),
    seenAs: ['lost-write', 'commit-lost', 'zombie', 'torn-transaction'],
    settings: { ...busy, lives: 3 },
    seed: 18,
  },
  'only one partition gets its marker': {
    internals: inCoordinator({ markersToFirstOnly: true }),
    seenAs: ['stuck', 'lost-write', 'g1a', 'commit-lost', 'torn-transaction'],
    settings: busy,
  },
  'aborted transactions get no marker': {
    internals: inCoordinator({ abortMarkersDropped: true }),
    seenAs: ['stuck', 'g1a'],
    settings: manyAborts,
  },
  'aborted transactions get the marker of a commit': {
    internals: inCoordinator({ abortsCommit: true }),
    seenAs: ['g1a', 'g1a-offset'],
    settings: manyAborts,
  },
  'an epoch serves more than one transaction, and an old end comes late': {
    internals: inCoordinator({ endKeepsEpoch: true }),
    seenAs: ['g1a', 'precommitted-read', 'torn-transaction', 'lost-write', 'precommitted-offset'],
    settings: { ...busy, classicShare: 0, echoEveryMs: 2, abortChance: 0.3, thinkMs: 1 },
  },
  'the coordinator ignores the epochs of producers': {
    internals: inCoordinator({ producerEpochsIgnored: true }),
    seenAs: ['zombie', 'precommitted-read', 'g1a'],
    settings: zombies,
  },
  'a takeover leaves the transaction open': {
    internals: inCoordinator({ takeoverKeepsOpen: true }),
    seenAs: ['g1a', 'stuck', 'g1a-offset'],
    settings: { ...zombies, resumeChance: 0 },
  },
  'ends that were decided are forgotten at a restart': {
    internals: inCoordinator({ endsForgottenAtStart: true }),
    seenAs: ['stuck'],
    settings: { ...busy, lives: 3 },
  },
  'transactions never time out': {
    internals: inCoordinator({ timeoutsIgnored: true }),
    seenAs: ['stuck'],
    settings: { ...busy, deserters: 2 },
  },
  'offsets of an aborted transaction count': {
    internals: inCoordinator({ abortedOffsetsCount: true }),
    seenAs: ['g1a-offset', 'never-processed', 'commit-lost'],
    settings: manyAborts,
  },
  'offsets of an open transaction count': {
    internals: inCoordinator({ stagedOffsetsCount: true }),
    seenAs: ['g1a-offset', 'precommitted-offset', 'never-processed'],
    settings: manyAborts,
  },
  'a commit of offsets is answered before it is durable': {
    internals: inCoordinator({ commitAnsweredEarly: true }),
    seenAs: ['commit-lost'],
    settings: { ...busy, lives: 3 },
    seed: 10,
  },
  'committed offsets are forgotten at a restart': {
    internals: inCoordinator({ offsetsForgottenAtStart: true }),
    seenAs: ['commit-lost'],
    settings: busy,
  },
  'a partition changes hands before its owner has given it up': {
    internals: inCoordinator({ releasesAssumed: true }),
    seenAs: ['owned-twice'],
    settings: consumers,
  },
  'members with old epochs may commit': {
    internals: inCoordinator({ memberEpochsIgnored: true }),
    seenAs: ['zombie'],
    settings: consumers,
    seed: 4,
  },
  'a heartbeat is answered before it is durable': {
    internals: inCoordinator({ heartbeatAnsweredEarly: true }),
    seenAs: ['fenced-in-order'],
    settings: { ...consumers, lives: 6, lifeMs: 150, slowDiskChance: 1 },
  },
  'compaction takes aborted records for newer ones': {
    internals: inLog({ abortedSupersede: true }),
    seenAs: ['lost-write', 'poll-skip'],
    settings: compacted,
  },
  'compaction keeps what a tombstone has deleted': {
    internals: inLog({ tombstonesIgnored: true }),
    seenAs: ['key-back'],
    settings: compacted,
  },
  'members of old generations may commit in transactions': {
    internals: inCoordinator({ stagingMembersIgnored: true }),
    seenAs: ['processed-twice', 'commit-lost'],
    settings: loops,
    seed: 9,
  },
  'members of old generations may commit': {
    internals: inCoordinator({ generationsIgnored: true }),
    seenAs: ['commit-lost'],
    settings: { ...busy, members: 3 },
  },
  'static members that were fenced may commit': {
    internals: inCoordinator({ fencedInstancesObeyed: true }),
    seenAs: ['zombie'],
    settings: { ...busy, members: 3, staticShare: 1 },
    seed: 5,
  },
  'what a static member leaves for a while is given to others, and to it when it is back': {
    internals: inCoordinator({ leavesForgotten: true }),
    seenAs: ['owned-twice'],
    settings: { ...consumers, staticShare: 0.5 },
    seed: 2,
  },
  'a subscription that changes is not heard': {
    internals: inCoordinator({ changedSubscriptionsIgnored: true }),
    seenAs: ['not-subscribed'],
    settings: { ...consumers, wishes: 'changing' },
  },
  'expressions are not held against topics that come': {
    internals: inCoordinator({ regexesResolvedOnce: true }),
    seenAs: ['stuck'],
    settings: { ...consumers, wishes: 'expressions' },
  },
}
