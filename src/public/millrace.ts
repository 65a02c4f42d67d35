// `millrace`: the SDK, what an application is written against.

export type { App, AppStatus } from '../sdk/app/app.ts'
export { type ConnectOptions, connect, type Runnable } from '../sdk/app/connect.ts'
export { StreamKeyError, TopicMismatchError } from '../sdk/app/errors.ts'
export type { AppNotification, Logger } from '../sdk/app/notifications.ts'
export type { Acceptable } from '../sdk/app/requirements.ts'
export type {
  Appended,
  AppendOptions,
  FoldOptions,
  StreamEvents,
  StreamStore,
} from '../sdk/app/stream-store.ts'
export { currentContext, type EventContext } from '../sdk/events/context.ts'
export {
  DefinitionError,
  InvalidEventError,
  InvalidKeyError,
  type Issue,
  MillraceError,
  TwoOwnersError,
  UnknownEventTypeError,
} from '../sdk/events/errors.ts'
export {
  type EventDefinition,
  event,
  type Message,
  type MessageOf,
  type StoredEventOf,
} from '../sdk/events/event.ts'
export type { ForeignRecord } from '../sdk/events/foreign-record.ts'
export type { Metadata } from '../sdk/events/headers.ts'
export type { IncomingRecord, OutgoingRecord, Position } from '../sdk/events/record.ts'
export type { Envelope, StoredEvent } from '../sdk/events/stored-event.ts'
export { type ForeignTopic, type Topic, topic } from '../sdk/events/topic.ts'
export { type Versions, versions } from '../sdk/events/versions.ts'
export {
  type Consumer,
  type ConsumerOptions,
  consumer,
  type Policy,
} from '../sdk/messaging/consumer.ts'
export type { HandlerContext, Middleware, PublishOptions } from '../sdk/messaging/context.ts'
export type { Dedupe } from '../sdk/messaging/dedupe.ts'
export type { DelayedStatus, DelayNotice } from '../sdk/messaging/delaying/delayed-delivery.ts'
export { type Duration, DurationError } from '../sdk/messaging/duration.ts'
export {
  ConsumerStoppedError,
  HandlerTimeoutError,
  HandlingRevokedError,
  InvalidDelayError,
  NotPublishedError,
  ProcessCrashError,
  PublishAfterEndError,
  PublisherClosedError,
  UnreadableEventError,
} from '../sdk/messaging/errors.ts'
export { type Backoff, constant, exponential } from '../sdk/messaging/failing/backoff.ts'
export { type InboxOptions, inbox } from '../sdk/messaging/inbox/inbox.ts'
export type { ConsumerNotification } from '../sdk/messaging/notifications.ts'
export {
  ParkedRecordError,
  ParkedTopicError,
  UnfitGroupNameError,
} from '../sdk/messaging/parking/errors.ts'
export type { FlushResult, Published } from '../sdk/messaging/publishing/publisher.ts'
export type { ConsumerStatus } from '../sdk/messaging/running/consumer-run.ts'
export type { Folded } from '../sdk/sourcing/fold-stream.ts'
export type { SnapshotPolicy } from '../sdk/sourcing/snapshot-definition.ts'
export type { Administration } from '../sdk/transport/administration.ts'
export type { Capabilities, Capability } from '../sdk/transport/capabilities.ts'
export {
  CapabilityMissingError,
  DuplicateEventError,
  FencedMemberError,
  InvalidAppendError,
  OffsetMetadataTooLargeError,
  OlderEpochError,
  OutcomeUnknownError,
  ProducerFencedError,
  SendError,
  SnapshotNotKeptError,
  SqlError,
  StreamBusyError,
  StreamDeletedError,
  TokenFormatError,
  TokenSizeError,
  TransportClosedError,
  UnknownLogError,
  UnknownTopicError,
  WrongExpectedVersionError,
} from '../sdk/transport/errors.ts'
export type { EventStore } from '../sdk/transport/event-store.ts'
export type { GroupMember, JoinOptions } from '../sdk/transport/group-member.ts'
export type { Producer, Transaction, TransactionalProducer } from '../sdk/transport/producer.ts'
export type { SqlTransaction, Tables } from '../sdk/transport/tables.ts'
export { mergeTokens } from '../sdk/transport/token.ts'
export type { TopicReader } from '../sdk/transport/topic-reader.ts'
export type { Engine, OpenOptions, Transport, World } from '../sdk/transport/transport.ts'
export { AddressInUseError } from '../transports/embedded/address-in-use.ts'
export { BrokerRefusedError } from '../transports/embedded/broker-refused.ts'
export {
  type EmbeddedEngine,
  type EmbeddedOptions,
  embedded,
} from '../transports/embedded/embedded.ts'
export { type SqliteOptions, sqlite } from '../transports/sqlite/sqlite.ts'
