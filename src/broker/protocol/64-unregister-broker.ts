// API 64, UnregisterBroker. Removes a broker from the cluster. Source: KIP-631.
//
// Version 0, flexible.

import { ApiKey } from '../wire/api-keys.ts'
import { int16, int32, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const unregisterBroker = defineApi({
  key: ApiKey.UNREGISTER_BROKER,
  name: 'UnregisterBroker',
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    brokerId: int32('0+'),
  },
  response: {
    throttleTimeMs: int32('0+', { default: 0 }),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
  },
})

export type UnregisterBrokerRequest = RequestOf<typeof unregisterBroker>
export type UnregisterBrokerResponse = ResponseOf<typeof unregisterBroker>
