// Requests to one group that are answered later: the pure machine knows them by a token, and says in
// its own time what to answer. What it says is held back while records are under way.
// Invariant: each request is answered exactly once, by an answer of its own kind.

import type { GroupReply, JoinReply, LeaveReply, SyncReply } from '../coordinators/groups/input.ts'
import { failedJoin, failedSync } from '../coordinators/groups/replies.ts'
import type { ErrorCode } from '../wire/error-codes.ts'

type WaitingRequest =
  | { readonly kind: 'join'; readonly settle: (reply: JoinReply) => void }
  | { readonly kind: 'sync'; readonly settle: (reply: SyncReply) => void }
  | { readonly kind: 'leave'; readonly settle: (reply: LeaveReply) => void }
  | { readonly kind: 'plain'; readonly settle: (errorCode: ErrorCode) => void }

export class WaitingRequests {
  readonly #waiting = new Map<number, WaitingRequest>()
  #held: GroupReply[] = []
  #lastToken = 0

  get isEmpty(): boolean {
    return this.#waiting.size === 0
  }

  nextToken(): number {
    this.#lastToken += 1
    return this.#lastToken
  }

  /** @returns the token of whoever waits from now on */
  add(request: WaitingRequest): number {
    const token = this.nextToken()
    this.#waiting.set(token, request)
    return token
  }

  /** Answers that go out with the next `sendHeld`. */
  hold(replies: readonly GroupReply[]): void {
    this.#held.push(...replies)
  }

  sendHeld(): void {
    const replies = this.#held
    this.#held = []
    for (const reply of replies) this.#send(reply)
  }

  /** Answers everybody, whatever was held back for them. */
  fail(errorCode: ErrorCode): void {
    this.#held = []
    const all = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const waiting of all) {
      if (waiting.kind === 'join') waiting.settle(failedJoin(errorCode, ''))
      else if (waiting.kind === 'sync') waiting.settle(failedSync(errorCode))
      else if (waiting.kind === 'leave') waiting.settle({ errorCode, members: [] })
      else waiting.settle(errorCode)
    }
  }

  #send(answer: GroupReply): void {
    const waiting = this.#waiting.get(answer.token)
    if (waiting === undefined) throw new Error(`no request waits for token ${answer.token}`)
    this.#waiting.delete(answer.token)
    if (waiting.kind === 'join' && answer.kind === 'join') waiting.settle(answer.reply)
    else if (waiting.kind === 'sync' && answer.kind === 'sync') waiting.settle(answer.reply)
    else if (waiting.kind === 'leave' && answer.kind === 'leave') waiting.settle(answer.reply)
    else if (waiting.kind === 'plain' && answer.kind === 'plain') waiting.settle(answer.errorCode)
    else throw new Error(`a ${answer.kind} answer for a ${waiting.kind} request`)
  }
}
