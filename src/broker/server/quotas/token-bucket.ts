// How many mutations a client may still make. Pure: time is an argument. Source: KIP-599. The bucket
// fills at the quota's rate up to what all windows hold; it may be overdrawn once, and who asks again
// while it is has to wait.

export class TokenBucket {
  /** Seconds whose unused tokens are kept. */
  readonly #keptSeconds: number
  #tokens = 0
  #filledAtMs = Number.NEGATIVE_INFINITY

  constructor(keptSeconds: number) {
    this.#keptSeconds = keptSeconds
  }

  /** @param perSecond the quota as it is now: it may have been altered */
  take(tokens: number, perSecond: number, nowMs: number): void {
    this.#fill(perSecond, nowMs)
    this.#tokens -= tokens
  }

  /** How long until nothing is overdrawn; 0 when nothing is. */
  delayMs(perSecond: number, nowMs: number): number {
    this.#fill(perSecond, nowMs)
    return this.#tokens >= 0 ? 0 : Math.round((-this.#tokens / perSecond) * 1000)
  }

  #fill(perSecond: number, nowMs: number): void {
    const addedTokens = (perSecond * (nowMs - this.#filledAtMs)) / 1000
    this.#tokens = Math.min(perSecond * this.#keptSeconds, this.#tokens + addedTokens)
    this.#filledAtMs = nowMs
  }
}
