// Events meet handlers. Takes from the scheduler what may start, runs it, and decides what a failure
// means. Owns no connection: what is finished is noted in its partition, and `touched` says so.
//
// Invariant: an event is finished only when its handler succeeded, it was parked durably, or the
// definition says to skip it. In every other case it waits, or its partition was given up.

import type { Timer } from '../../../host/clock.ts'
import { EventDecoder, type NotAnEvent } from '../../events/decode.ts'
import type { Events } from '../../events/event.ts'
import type { IncomingRecord } from '../../events/record.ts'
import type { StoredEvent } from '../../events/stored-event.ts'
import type { SendRequest } from '../../transport/producer.ts'
import type { World } from '../../transport/transport.ts'
import type { Consumer, Policy } from '../consumer.ts'
import {
  ConsumerStoppedError,
  HandlerTimeoutError,
  HandlingRevokedError,
  ProcessCrashError,
  UnreadableEventError,
} from '../errors.ts'
import { exponential } from '../failing/backoff.ts'
import { Circuit } from '../failing/circuit.ts'
import { ParkLimit } from '../failing/park-limit.ts'
import type { ConsumerLimits } from '../limits.ts'
import type { ConsumerNotification, PauseReason } from '../notifications.ts'
import { Scheduler, type Started } from '../ordering/scheduler.ts'
import type { Outgoing } from '../outgoing.ts'
import type { ParkReason, RedriveOutcome } from '../parking-lot.ts'
import { Attempt } from './attempt.ts'
import { Deadlines } from './deadlines.ts'
import { runChain, runClaimed } from './handler-chain.ts'
import { type Output, type PartitionRun, recordBytes } from './partition-run.ts'
import { failureOf, keyOf, type Task, taskOf } from './task.ts'
import { judgeFailure } from './verdict.ts'
