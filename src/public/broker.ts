// `millrace/broker`: a broker in this process.

export { type Broker, type BrokerOptions, startBroker } from '../broker/broker.ts'
