// The verbs over a broker of our own in this process; what they promise stands in test/cli/suite.ts.
import { after, before, describe } from 'node:test'
import { cliSuite } from '../../test/cli/suite.ts'
import { type Broker, startBroker } from '../broker/broker.ts'
import { formatAddress } from './client/address.ts'

describe('the command against Millrace', () => {
  let broker: Broker
  before(async () => {
    broker = await startBroker({ memory: true, listen: '127.0.0.1:0' })
  })
  after(() => broker.close())

  cliSuite(() => formatAddress(broker.addresses[0]!))
})
