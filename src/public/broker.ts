// `millrace/broker`: a broker in this process.

export { type Broker, type BrokerOptions, startBroker } from '../broker/broker.ts'
export { UnknownFormatError } from '../broker/catalog/format-version.ts'
export { ConfigError } from '../broker/catalog/static-settings.ts'
export { FolderInUseError } from '../host/folder-lock.ts'
export { NetError } from '../host/net.ts'
