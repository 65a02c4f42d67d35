// `millrace/kafka`: any Kafka cluster as the engine of an application.

export { KafkaError } from '../transports/kafka/errors.ts'
export { kafka } from '../transports/kafka/kafka.ts'
export type { KafkaOptions, KafkaSasl, KafkaTls } from '../transports/kafka/kafka-options.ts'
