// Where Kafka's tools find this broker different from Kafka 4.3.1, and why. Each difference turns a
// piece of what they print of Kafka into what they print of us.

export interface Difference {
  readonly why: string
  /** Only in this case; else wherever it stands. */
  readonly inCase?: string
  readonly kafka: string
  readonly ours: string
}

const EVERY_UNIT = 'We show the keys in other units that stand behind a key; Kafka leaves them out.'
const OWN_KEYS = 'A topic can be an event store here.'
const SYNCED = 'What is written is synced within 10 ms at the latest: consumers read only what is.'

export const differences: readonly Difference[] = [
  {
    why: EVERY_UNIT,
    kafka: '{DYNAMIC_TOPIC_CONFIG:retention.ms=100000}',
    ours: '{DYNAMIC_TOPIC_CONFIG:retention.ms=100000, DEFAULT_CONFIG:log.retention.hours=168}',
  },
  {
    why: EVERY_UNIT,
    kafka: '{DYNAMIC_TOPIC_CONFIG:segment.ms=7000}',
    ours: '{DYNAMIC_TOPIC_CONFIG:segment.ms=7000, DEFAULT_CONFIG:log.roll.hours=168}',
  },
  {
    why: EVERY_UNIT,
    kafka: 'retention.ms=604800000 sensitive=false synonyms={}',
    ours: 'retention.ms=604800000 sensitive=false synonyms={DEFAULT_CONFIG:log.retention.hours=168}',
  },
  {
    why: EVERY_UNIT,
    kafka: 'segment.jitter.ms=0 sensitive=false synonyms={}',
    ours: 'segment.jitter.ms=0 sensitive=false synonyms={DEFAULT_CONFIG:log.roll.jitter.hours=0}',
  },
  {
    why: EVERY_UNIT,
    kafka: '[retention.ms=1000 DYNAMIC_TOPIC_CONFIG]',
    ours: '[retention.ms=1000 DYNAMIC_TOPIC_CONFIG, log.retention.hours=168 DEFAULT_CONFIG]',
  },
  {
    why: EVERY_UNIT,
    kafka: 'retention.ms=604800000 DEFAULT_CONFIG LONG []',
    ours: 'retention.ms=604800000 DEFAULT_CONFIG LONG [log.retention.hours=168 DEFAULT_CONFIG]',
  },
  {
    why: EVERY_UNIT,
    kafka: 'segment.ms=604800000 DEFAULT_CONFIG LONG []',
    ours: 'segment.ms=604800000 DEFAULT_CONFIG LONG [log.roll.hours=168 DEFAULT_CONFIG]',
  },
  {
    why: EVERY_UNIT,
    kafka: 'segment.jitter.ms=0 DEFAULT_CONFIG LONG []',
    ours: 'segment.jitter.ms=0 DEFAULT_CONFIG LONG [log.roll.jitter.hours=0 DEFAULT_CONFIG]',
  },
  {
    why: SYNCED,
    kafka: 'flush.ms=9223372036854775807 sensitive=false synonyms={}',
    ours: 'flush.ms=10 sensitive=false synonyms={DEFAULT_CONFIG:log.flush.interval.ms=10}',
  },
  {
    why: SYNCED,
    kafka: 'flush.ms=9223372036854775807 DEFAULT_CONFIG LONG []',
    ours: 'flush.ms=10 DEFAULT_CONFIG LONG [log.flush.interval.ms=10 DEFAULT_CONFIG]',
  },
  {
    why: OWN_KEYS,
    kafka: '  min.cleanable.dirty.ratio=0.5 sensitive=false synonyms=',
    ours:
      '  millrace.dedupe.window.ms=604800000 sensitive=false synonyms={}\n' +
      '  millrace.store=false sensitive=false synonyms={}\n' +
      '  min.cleanable.dirty.ratio=0.5 sensitive=false synonyms=',
  },
  ...['DEFAULT_CONFIG', 'DYNAMIC_TOPIC_CONFIG'].map((source) => ({
    why: OWN_KEYS,
    kafka: `min.cleanable.dirty.ratio=0.5 ${source} DOUBLE`,
    ours:
      'millrace.dedupe.window.ms=604800000 DEFAULT_CONFIG LONG []\n' +
      'millrace.store=false DEFAULT_CONFIG BOOLEAN []\n' +
      `min.cleanable.dirty.ratio=0.5 ${source} DOUBLE`,
  })),
  {
    why: 'Features come with what they stand for: share and streams groups, a quorum.',
    inCase: 'org.apache.kafka.tools.FeatureCommand --bootstrap-server BROKER describe',
    kafka: `Feature: eligible.leader.replicas.version          SupportedMinVersion: 0                SupportedMaxVersion: 1                FinalizedVersionLevel: 1                Epoch: ?
Feature: group.version                             SupportedMinVersion: 0                SupportedMaxVersion: 1                FinalizedVersionLevel: 1                Epoch: ?
Feature: kraft.version                             SupportedMinVersion: 0                SupportedMaxVersion: 1                FinalizedVersionLevel: 0                Epoch: ?
Feature: metadata.version                          SupportedMinVersion: 3.3-IV3          SupportedMaxVersion: 4.3-IV0          FinalizedVersionLevel: 4.3-IV0          Epoch: ?
Feature: share.version                             SupportedMinVersion: 0                SupportedMaxVersion: 1                FinalizedVersionLevel: 1                Epoch: ?
Feature: streams.version                           SupportedMinVersion: 0                SupportedMaxVersion: 1                FinalizedVersionLevel: 1                Epoch: ?
`,
    ours: `Feature: group.version                             SupportedMinVersion: 0                SupportedMaxVersion: 1                FinalizedVersionLevel: 1                Epoch: ?
`,
  },
  {
    why: 'A wrong value has one code whatever it is for.',
    inCase: 'alter a broker wrongly',
    kafka: 'InvalidRequestException',
    ours: 'InvalidConfigurationException',
  },
  {
    why: 'An unknown key is a mistake; Kafka keeps it and shows it as sensitive.',
    inCase: 'alter an unknown key of a broker',
    kafka: 'ok',
    ours: 'InvalidConfigurationException',
  },
  {
    why: 'Loggers cannot be configured here.',
    inCase: 'list config resources',
    kafka: 'BROKER_LOGGER 1, ',
    ours: '',
  },
]
