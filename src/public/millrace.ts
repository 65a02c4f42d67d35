// `millrace`: the SDK, what an application is written against.

export { MillraceError } from '../sdk/events/errors.ts'
export type { IncomingRecord, OutgoingRecord, Position } from '../sdk/events/record.ts'
export type { Administration } from '../sdk/transport/administration.ts'
export type { Capabilities, Capability } from '../sdk/transport/capabilities.ts'
export {
  CapabilityMissingError,
  DuplicateEventError,
  FencedMemberError,
  OffsetMetadataTooLargeError,
  OutcomeUnknownError,
  ProducerFencedError,
  SendError,
  StreamBusyError,
  StreamDeletedError,
  TransportClosedError,
  UnknownTopicError,
  WrongExpectedVersionError,
} from '../sdk/transport/errors.ts'
export type { EventStore } from '../sdk/transport/event-store.ts'
export type { GroupMember, JoinOptions } from '../sdk/transport/group-member.ts'
export type { Producer, Transaction, TransactionalProducer } from '../sdk/transport/producer.ts'
export type { SqlTransaction, Tables } from '../sdk/transport/tables.ts'
export type { TopicReader } from '../sdk/transport/topic-reader.ts'
export type { Engine, OpenOptions, Transport, World } from '../sdk/transport/transport.ts'
