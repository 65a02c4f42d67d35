import { delayedSuite } from '../../../test/support/delayed-suite.ts'
import { type Broker, startBroker } from '../../broker/broker.ts'
import { kafka } from './kafka.ts'

let broker: Broker | undefined

delayedSuite({
  name: 'kafka on Millrace',
  engine: async () => {
    broker = await startBroker({ memory: true, listen: '127.0.0.1:0' })
    return kafka({ brokers: `127.0.0.1:${broker.addresses[0]!.port}` })
  },
  close: async () => broker?.close(),
})
