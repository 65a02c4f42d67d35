// Which room may import which: DESIGN section 3 as data, enforced by test/tidy/floors.test.ts.
// A room is the longest matching path below src/. An entry names every *other* room it may import;
// a room may always import itself. Drivers are npm packages that only the named rooms may import.

const brokerFloor2 = ['host', 'broker/bytes', 'broker/wire', 'broker/batch']

/** @type {Record<string, readonly string[]>} */
export const floors = {
  host: [],

  'broker/bytes': [],
  'broker/wire': ['broker/bytes'],
  'broker/batch': ['broker/bytes', 'broker/wire', 'host'],
  'broker/protocol': ['broker/bytes', 'broker/wire'],
  'broker/coordinators': ['broker/bytes', 'broker/wire', 'broker/batch'],
  'broker/log': brokerFloor2,
  'broker/catalog': [...brokerFloor2, 'broker/log'],
  'broker/streams': [...brokerFloor2, 'broker/log'],
  'broker/server': [
    ...brokerFloor2,
    'broker/protocol',
    'broker/coordinators',
    'broker/log',
    'broker/catalog',
    'broker/streams',
  ],
  broker: [
    ...brokerFloor2,
    'broker/protocol',
    'broker/coordinators',
    'broker/log',
    'broker/catalog',
    'broker/streams',
    'broker/server',
  ],

  'sdk/events': ['host'],
  'sdk/transport': ['host', 'sdk/events'],
  'sdk/messaging': ['host', 'sdk/events', 'sdk/transport'],
  'sdk/sourcing': ['host', 'sdk/events', 'sdk/transport', 'sdk/messaging'],
  'sdk/app': ['host', 'sdk/events', 'sdk/transport', 'sdk/messaging', 'sdk/sourcing'],
  'sdk/testing': [
    'host',
    'sdk/events',
    'sdk/transport',
    'sdk/messaging',
    'sdk/sourcing',
    'sdk/app',
  ],

  'transports/embedded': ['host', 'sdk/events', 'sdk/transport', 'broker'],
  'transports/kafka': ['host', 'sdk/events', 'sdk/transport'],
  'transports/sqlite': ['host', 'sdk/events', 'sdk/transport'],

  cli: [
    'host',
    'broker',
    'broker/bytes',
    'broker/wire',
    'broker/batch',
    'broker/protocol',
    'broker/coordinators',
    'broker/log',
    'broker/catalog',
    'broker/streams',
    'broker/server',
    'sdk/events',
    'sdk/transport',
    'sdk/messaging',
    'transports/kafka',
  ],
  public: [
    'host',
    'broker',
    'broker/catalog',
    'sdk/events',
    'sdk/transport',
    'sdk/messaging',
    'sdk/sourcing',
    'sdk/app',
    'sdk/testing',
    'transports/embedded',
    'transports/kafka',
    'transports/sqlite',
  ],
}

/**
 * npm packages that only the named rooms may import. Packages not listed may not be imported.
 * @type {Record<string, readonly string[]>}
 */
export const drivers = {
  '@node-rs/crc32': ['broker/bytes'],
  snappy: ['host'],
  'lz4-napi': ['host'],
  commander: ['cli'],
  '@platformatic/kafka': ['transports/kafka'],
  '@standard-schema/spec': ['sdk/events'],
  // Optional: only loaded when the user has it.
  '@opentelemetry/api': ['sdk/events', 'sdk/messaging'],
}

/** Node's own modules that reach the outside world: only host/ may import them. */
export const outsideModules = [
  'node:fs',
  'node:fs/promises',
  'node:net',
  'node:tls',
  'node:dgram',
  'node:http',
  'node:https',
  'node:child_process',
  'node:worker_threads',
  'node:sqlite',
  'node:timers',
  'node:timers/promises',
  'node:zlib',
  'node:os',
]

/** Globals that only host/ may touch, as they appear in source. */
export const outsideGlobals = [
  'Date.now',
  'new Date()',
  'performance.now',
  'process.hrtime',
  'Math.random',
  'crypto.randomUUID',
  'crypto.randomBytes',
  'setTimeout(',
  'setInterval(',
  'setImmediate(',
  'AbortSignal.timeout',
]

/** The only files that may be nothing but re-exports: the public doors. */
export const barrels = ['public/']

/**
 * Exceptions to the rules above, each with its reason. This list only shrinks.
 * @type {readonly { file: string, uses: string, reason: string }[]}
 */
export const exceptions = []
