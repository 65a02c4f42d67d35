// All rows of the conformance page, in its order.
import type { Row } from './row.ts'
import { clientSuites } from './rows/client-suites.ts'
import { connect } from './rows/connect.ts'
import { kafkaToolRows } from './rows/kafka-tools.ts'
import { mirrorMaker } from './rows/mirror-maker.ts'
import { streamsSmoke } from './rows/streams-smoke.ts'
import { wordCount } from './rows/word-count.ts'

export const rows: readonly Row[] = [
  ...kafkaToolRows,
  wordCount({
    id: 'streams-4.3-word-count',
    version: '4.3.1',
    service: 'platform-4.3',
    isQuick: true,
    kills: { quick: 4, full: 20 },
  }),
  wordCount({
    id: 'streams-3.9-word-count',
    version: '3.9.2',
    service: 'streams-3.9',
    isQuick: false,
    kills: { quick: 4, full: 20 },
  }),
  streamsSmoke,
  connect,
  mirrorMaker,
  ...clientSuites,
]
