// What a campaign leaves behind, a JSON line each: `scripts/reliability-docs.ts` makes the tables of
// docs/reliability.md from them.

export interface CampaignLine {
  readonly kind: 'campaign'
  readonly git: string
  /** The first one. */
  readonly seed: number
  /** That does it again. */
  readonly command: string
  readonly minutes: number
  readonly simulated: Readonly<Record<string, number>>
  readonly real: Readonly<Record<string, number>>
}

export interface BugLine {
  readonly kind: 'bug'
  readonly git: string
  readonly bug: string
  readonly seed: number
  readonly runs: number
  readonly seenAs: string
  readonly what: string
}
