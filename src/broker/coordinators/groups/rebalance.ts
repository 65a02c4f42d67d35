// From one generation to the next: the group waits until all members have rejoined or the longest
// rebalance timeout is over, drops those that did not, votes for a protocol and answers everybody.
// Invariant: a generation begins with every waiting JoinGroup answered and nobody synced yet.
// Source: KIP-62; KIP-134 (initial delay); KIP-345 (static members may miss a rebalance).

import { ErrorCode } from '../../wire/error-codes.ts'
import { subscribedTopics } from './consumer-protocol.ts'
import type { Draft } from './draft.ts'
import { haveAllJoined, NO_ASSIGNMENT, rebalanceTimeoutMs } from './group.ts'
import { voteProtocol } from './protocol-vote.ts'
import { failedSync, joined } from './replies.ts'

/** A rebalance that nobody came to is tried again no sooner than this. */
const IDLE_RETRY_MS = 1000

/** Something changed that the members must hear of: starts a rebalance, or goes on with this one. */
export function rebalance(draft: Draft): void {
  if (draft.state === 'PreparingRebalance') completeJoinIfAllCame(draft)
  else prepareRebalance(draft)
}

export function prepareRebalance(draft: Draft): void {
  if (draft.state === 'CompletingRebalance') sendBackToJoin(draft)
  draft.startTimer({ timer: 'sync', afterMs: null })

  const wasEmpty = draft.state === 'Empty'
  draft.moveTo('PreparingRebalance')
  if (wasEmpty) startInitialDelay(draft)
  else waitForMembers(draft)
}

/** While the first rebalance of a group waits for more members, only its timer ends the wait. */
export function completeJoinIfAllCame(draft: Draft): void {
  if (draft.initialDelay === null && haveAllJoined(draft)) completeJoin(draft)
}

export function joinDeadline(draft: Draft): void {
  if (draft.state !== 'PreparingRebalance') return
  if (draft.initialDelay?.hasNewMember && draft.initialDelay.remainingMs > 0) {
    extendInitialDelay(draft)
  } else {
    completeJoin(draft)
  }
}

function startInitialDelay(draft: Draft): void {
  const delayMs = draft.settings.initialRebalanceDelayMs
  if (delayMs === 0) {
    completeJoin(draft)
    return
  }
  const remainingMs = Math.max(rebalanceTimeoutMs(draft) - delayMs, 0)
  draft.initialDelay = { delayMs, remainingMs, hasNewMember: false }
  draft.startTimer({ timer: 'join', afterMs: delayMs })
}

/** KIP-134: each newcomer buys another delay, until the rebalance timeout is used up. */
function extendInitialDelay(draft: Draft): void {
  const { delayMs, remainingMs } = draft.initialDelay!
  const nextDelayMs = Math.min(draft.settings.initialRebalanceDelayMs, remainingMs)
  draft.initialDelay = {
    delayMs: nextDelayMs,
    remainingMs: Math.max(remainingMs - delayMs, 0),
    hasNewMember: false,
  }
  draft.startTimer({ timer: 'join', afterMs: nextDelayMs })
}

function waitForMembers(draft: Draft): void {
  const timeoutMs = rebalanceTimeoutMs(draft)
  if (haveAllJoined(draft) || timeoutMs === 0) completeJoin(draft)
  else draft.startTimer({ timer: 'join', afterMs: timeoutMs })
}

function completeJoin(draft: Draft): void {
  draft.startTimer({ timer: 'join', afterMs: null })
  draft.initialDelay = null
  for (const member of [...draft.members.values()]) {
    if (member.joinToken === null && member.groupInstanceId === null) {
      draft.removeMember(member.memberId, ErrorCode.UNKNOWN_MEMBER_ID)
    }
  }
  if (draft.members.size === 0) becomeEmpty(draft)
  else if (electJoinedLeader(draft)) startGeneration(draft)
  // Only static members are left and none came: their session timeouts will thin them out.
  else
    draft.startTimer({ timer: 'join', afterMs: Math.max(rebalanceTimeoutMs(draft), IDLE_RETRY_MS) })
}

/** A leader that missed the rebalance hands over to the first member that did not. */
function electJoinedLeader(draft: Draft): boolean {
  const leader = draft.leaderId === null ? undefined : draft.members.get(draft.leaderId)
  if (leader !== undefined && leader.joinToken !== null) return true
  for (const member of draft.members.values()) {
    if (member.joinToken === null) continue
    draft.leaderId = member.memberId
    return true
  }
  return false
}

function becomeEmpty(draft: Draft): void {
  draft.generationId += 1
  draft.protocolName = null
  draft.leaderId = null
  draft.subscribedTopics = subscribedTopics(draft)
  draft.moveTo('Empty')
  draft.record = 'group'
}

function startGeneration(draft: Draft): void {
  const protocolName = voteProtocol(draft.members)
  // Joins without a common protocol are refused, so one must be left.
  if (protocolName === undefined) throw new Error(`group ${draft.groupId} has no common protocol`)
  draft.generationId += 1
  draft.protocolName = protocolName
  draft.subscribedTopics = subscribedTopics(draft)
  draft.moveTo('CompletingRebalance')
  for (const member of draft.members.values()) {
    if (member.joinToken !== null) draft.replyJoin(member.joinToken, joined(draft, member.memberId))
    draft.putMember({ ...member, joinToken: null, isNew: false, hasSynced: false })
    draft.startSession(member)
  }
  draft.startTimer({ timer: 'sync', afterMs: rebalanceTimeoutMs(draft) })
}

/** The leader's assignment, if it was coming, is void: those that wait for it must join again. */
function sendBackToJoin(draft: Draft): void {
  for (const member of draft.members.values()) {
    draft.putMember({ ...member, assignment: NO_ASSIGNMENT, syncToken: null })
    if (member.syncToken === null) continue
    draft.replySync(member.syncToken, failedSync(ErrorCode.REBALANCE_IN_PROGRESS))
    draft.startSession(member)
  }
}
