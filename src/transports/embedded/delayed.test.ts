import { delayedSuite } from '../../../test/support/delayed-suite.ts'
import { embedded } from './embedded.ts'

const config = { 'group.consumer.assignment.interval.ms': '0' }

delayedSuite({
  name: 'embedded',
  engine: async () => embedded({ memory: true, listen: false, config }),
})
