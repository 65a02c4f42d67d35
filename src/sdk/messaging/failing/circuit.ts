// Is it the event that is bad, or what its handler needs? When events of several keys fail one after
// another with nothing succeeding between, a dependency is down: the circuit opens, and the group
// waits instead of giving up one event after another. Now and then one event is let through to see.
// Pure: time is an argument.

export interface CircuitLimits {
  /** Failures in a row, of any keys, that open it. */
  readonly failures: number
  /** Of at least so many different keys: a single bad event is no outage. */
  readonly keys: number
  /** First wait before an event is let through; doubles with each that fails, up to `maxProbeMs`. */
  readonly probeMs: number
  readonly maxProbeMs: number
}

/** `half-open`: one event has been let through, and its outcome decides. */
export type CircuitState =
  | { readonly kind: 'closed' }
  | { readonly kind: 'open'; readonly untilMs: number }
  | { readonly kind: 'half-open' }

export class Circuit {
  readonly #limits: CircuitLimits
  #state: CircuitState = { kind: 'closed' }
  #failures = 0
  #keys = new Set<string>()
  #waitMs: number

  constructor(limits: CircuitLimits) {
    this.#limits = limits
    this.#waitMs = limits.probeMs
  }

  get state(): CircuitState {
    return this.#state
  }

  /** @param key what the failures are told apart by: the event's key, or its position */
  failed(key: string, nowMs: number): void {
    if (this.#state.kind === 'half-open') {
      this.#waitMs = Math.min(this.#limits.maxProbeMs, this.#waitMs * 2)
      this.open(nowMs)
      return
    }
    this.#failures++
    if (this.#keys.size < this.#limits.keys) this.#keys.add(key)
    const isOutage = this.#failures >= this.#limits.failures && this.#keys.size >= this.#limits.keys
    if (isOutage && this.#state.kind === 'closed') this.open(nowMs)
  }

  /** An event that was under way when the circuit opened closes it too: what it needs is there. */
  succeeded(): void {
    if (this.#state.kind === 'closed' && this.#failures === 0) return
    this.#state = { kind: 'closed' }
    this.#failures = 0
    this.#keys.clear()
    this.#waitMs = this.#limits.probeMs
  }

  open(nowMs: number): void {
    this.#state = { kind: 'open', untilMs: nowMs + this.#waitMs }
  }

  /** Whether another event may start. When the wait is over this lets one through, and one only. */
  admits(nowMs: number): boolean {
    if (this.#state.kind === 'closed') return true
    if (this.#state.kind === 'half-open' || nowMs < this.#state.untilMs) return false
    this.#state = { kind: 'half-open' }
    return true
  }

  /** There was nothing to let through, or it came to nothing: the next event may be the one. */
  probeUnused(nowMs: number): void {
    if (this.#state.kind === 'half-open') this.#state = { kind: 'open', untilMs: nowMs }
  }
}
