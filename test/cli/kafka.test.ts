// The verbs against a real Apache Kafka. Run by `npm run test:cli-kafka`, which names a running
// broker in MILLRACE_TEST_KAFKA; its topics are left behind.
import { describe } from 'node:test'
import { cliSuite } from './suite.ts'

describe('the command against Apache Kafka', () => {
  cliSuite(() => {
    const broker = process.env['MILLRACE_TEST_KAFKA']
    if (broker === undefined) throw new Error('MILLRACE_TEST_KAFKA names no broker')
    return broker
  })
})
