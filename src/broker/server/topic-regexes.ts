// Which topics match the regular expressions that groups subscribe to. An expression comes from a
// stranger and there may be many topics: it is matched in time linear to both, in turns, so that
// others have theirs. What was found holds until a topic comes or goes.
// Source: KIP-848: RE2 syntax, whole names.

import type { Clock, Timers } from '../../host/clock.ts'
import { linearRegExp } from '../../host/linear-regexp.ts'
import type { ResolvedRegexes } from '../coordinators/consumer-groups/input.ts'

export interface TopicRegexesNeeds {
  readonly host: { readonly clock: Clock; readonly timers: Timers }
  /** Grows when a topic comes or goes. */
  version(): number
  names(): Iterable<string>
}

/** How long one turn of matching may take. */
const TURN_MS = 8
const MAX_CACHED = 1_000

type Matched = readonly string[] | 'invalid'

export class TopicRegexes {
  readonly #needs: TopicRegexesNeeds
  #version = -1
  /** Of `#version`, the oldest first. */
  readonly #matched = new Map<string, Promise<Matched>>()

  constructor(needs: TopicRegexesNeeds) {
    this.#needs = needs
  }

  async resolve(regexes: Iterable<string>): Promise<ResolvedRegexes> {
    const version = this.#needs.version()
    if (version !== this.#version) this.#matched.clear()
    this.#version = version
    const found = [...new Set(regexes)].map(
      async (regex) => [regex, await this.#match(regex)] as const,
    )
    return new Map(await Promise.all(found))
  }

  #match(regex: string): Promise<Matched> {
    const known = this.#matched.get(regex)
    if (known !== undefined) return known
    const matched = this.#matchAll(regex)
    this.#matched.set(regex, matched)
    for (const oldest of this.#matched.keys()) {
      if (this.#matched.size <= MAX_CACHED) break
      this.#matched.delete(oldest)
    }
    return matched
  }

  async #matchAll(regex: string): Promise<Matched> {
    const compiled = linearRegExp(regex)
    if (compiled === undefined) return 'invalid'
    const { clock, timers } = this.#needs.host
    const matched: string[] = []
    let turnStartMs = clock.monotonicMs()
    for (const name of [...this.#needs.names()]) {
      if (compiled.test(name)) matched.push(name)
      if (clock.monotonicMs() - turnStartMs < TURN_MS) continue
      await timers.yield()
      turnStartMs = clock.monotonicMs()
    }
    return matched.sort()
  }
}
