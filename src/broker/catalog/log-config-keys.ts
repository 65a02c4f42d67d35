// The acting keys of the log as a whole: its upkeep, compaction, the search for damage, what appends of
// compressed batches may take, open files. What a topic may have its own value for is in
// topic-config-keys.ts.

import type { ActingRow } from './config-key.ts'
import { atLeast } from './config-value.ts'

const MIB = 1_048_576

export const logConfigRows = {
  'log.retention.check.interval.ms': {
    type: 'long',
    default: '300000',
    check: atLeast(1),
    about: 'How often old segments are looked for.',
  },
  'log.cleaner.enable': {
    type: 'boolean',
    default: 'true',
    about: 'Whether compacted topics are compacted.',
  },
  'log.cleaner.backoff.ms': {
    type: 'long',
    default: '15000',
    check: atLeast(0),
    altersAtRunTime: true,
    about: 'How long compaction rests when it found nothing to do.',
  },
  'log.cleaner.dedupe.buffer.size': {
    type: 'long',
    default: '134217728',
    altersAtRunTime: true,
    about:
      'Bytes for the keys of one pass of compaction, 24 for each; what does not fit has to wait.',
  },
  'log.cleaner.io.buffer.load.factor': {
    type: 'double',
    default: '0.9',
    altersAtRunTime: true,
    about: 'The share of those bytes that may be filled; the fuller, the slower.',
  },
  'millrace.scrub.bytes.per.second': {
    type: 'long',
    default: String(4 * MIB),
    check: atLeast(0),
    about:
      'How fast closed segments are read in the background to find damage before a consumer does; 0 does not.',
  },
  'millrace.scrub.interval.ms': {
    type: 'long',
    default: '604800000',
    check: atLeast(1),
    about: 'How long that rests once it has been through all of them.',
  },
  'producer.id.expiration.ms': {
    type: 'int',
    default: '86400000',
    check: atLeast(1),
    altersAtRunTime: true,
    about: 'An idempotent producer that is silent for so long is forgotten.',
  },
  'millrace.check.compressed.batches': {
    type: 'boolean',
    default: 'true',
    altersAtRunTime: true,
    about:
      'Whether compressed batches are decompressed on append to check that they hold what they say.',
  },
  'millrace.recompression.max.bytes': {
    type: 'long',
    default: String(128 * MIB),
    check: atLeast(0),
    about:
      'Bytes of batches that are decompressed or compressed anew, of all partitions, until they are on the disk; above, the next ones wait.',
  },
  'millrace.recompression.threads': {
    type: 'int',
    default: '2',
    check: atLeast(1),
    about:
      "Batches that are decompressed or compressed anew at once. The threads are the disk's too: four, unless `UV_THREADPOOL_SIZE` says otherwise.",
  },
  'millrace.max.open.files': {
    type: 'int',
    default: '384',
    check: atLeast(16),
    about: 'Files of partitions open at once; the one unused for longest makes room.',
  },
  'millrace.unsafe.skip.sync': {
    type: 'boolean',
    default: 'false',
    about: 'For benchmarks: answers without waiting for the disk. A power cut then loses data.',
  },
} as const satisfies Record<string, ActingRow>
