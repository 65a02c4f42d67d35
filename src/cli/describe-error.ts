// From whatever was thrown to the one line on stderr and the exit code. A stack is only shown for
// what nobody expected: that is a bug, and its report needs it.

import { ErrorCode } from '../broker/wire/error-codes.ts'
import { MillraceError } from '../sdk/events/errors.ts'
import { UnfitGroupNameError } from '../sdk/messaging/parking/errors.ts'
import { ClientError } from './client/client-error.ts'
import { CliError, ExitCode } from './exit-code.ts'

export interface ErrorDescription {
  /** undefined when there is nothing to say: the person has interrupted. */
  readonly message: string | undefined
  readonly exitCode: ExitCode
}

const EXIT_CODE_OF_ANSWER = new Map<number, ExitCode>([
  [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ExitCode.NOT_FOUND],
  [ErrorCode.UNKNOWN_TOPIC_ID, ExitCode.NOT_FOUND],
  [ErrorCode.GROUP_ID_NOT_FOUND, ExitCode.NOT_FOUND],
  [ErrorCode.TRANSACTIONAL_ID_NOT_FOUND, ExitCode.NOT_FOUND],
  [ErrorCode.TOPIC_AUTHORIZATION_FAILED, ExitCode.DENIED],
  [ErrorCode.GROUP_AUTHORIZATION_FAILED, ExitCode.DENIED],
  [ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, ExitCode.DENIED],
  [ErrorCode.CLUSTER_AUTHORIZATION_FAILED, ExitCode.DENIED],
  [ErrorCode.SASL_AUTHENTICATION_FAILED, ExitCode.DENIED],
  [ErrorCode.REQUEST_TIMED_OUT, ExitCode.UNREACHABLE],
  [ErrorCode.LEADER_NOT_AVAILABLE, ExitCode.UNREACHABLE],
  [ErrorCode.BROKER_NOT_AVAILABLE, ExitCode.UNREACHABLE],
  [ErrorCode.COORDINATOR_NOT_AVAILABLE, ExitCode.UNREACHABLE],
  [ErrorCode.TOPIC_ALREADY_EXISTS, ExitCode.CONFLICT],
  [ErrorCode.NON_EMPTY_GROUP, ExitCode.CONFLICT],
  [ErrorCode.UNKNOWN_MEMBER_ID, ExitCode.CONFLICT],
  [ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC, ExitCode.CONFLICT],
])

const ADVICE = new Map<number, string>([
  [
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    '`millrace topic ls` lists those that do, `millrace topic create` makes one.',
  ],
  [
    ErrorCode.NON_EMPTY_GROUP,
    'Stop its members first; `millrace group describe` says who they are.',
  ],
])

export function describeError(error: unknown): ErrorDescription {
  // A prompt that was interrupted.
  if (error instanceof Error && error.name === 'AbortError') {
    return { message: undefined, exitCode: ExitCode.INTERRUPTED }
  }
  if (error instanceof CliError) return { message: error.message, exitCode: error.exitCode }
  if (error instanceof MillraceError) {
    const isUsage = error instanceof UnfitGroupNameError
    return { message: error.message, exitCode: isUsage ? ExitCode.USAGE : ExitCode.FAILURE }
  }
  if (error instanceof ClientError) {
    const advice = ADVICE.get(error.errorCode ?? ErrorCode.NONE)
    const message = advice === undefined ? error.message : `${error.message} ${advice}`
    return { message, exitCode: exitCodeOf(error) }
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { message: `unexpected, please report it: ${message}`, exitCode: ExitCode.FAILURE }
}

function exitCodeOf(error: ClientError): ExitCode {
  if (error.errorCode !== undefined) {
    return EXIT_CODE_OF_ANSWER.get(error.errorCode) ?? ExitCode.FAILURE
  }
  const isNetwork = ['unreachable', 'connection-lost', 'timeout'].includes(error.code)
  return isNetwork ? ExitCode.UNREACHABLE : ExitCode.FAILURE
}
