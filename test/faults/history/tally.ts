// Counts by name, over everything that a campaign does: operations, faults, error codes, branches of
// recovery. What must have happened at least once is held against it.

export class Tally {
  readonly counts: Record<string, number> = {}

  count(name: string, by = 1): void {
    if (by !== 0) this.counts[name] = (this.counts[name] ?? 0) + by
  }

  get(name: string): number {
    return this.counts[name] ?? 0
  }

  add(other: Readonly<Record<string, number>>, prefix = ''): void {
    for (const [name, by] of Object.entries(other)) this.count(`${prefix}${name}`, by)
  }

  /** Of these names, those that never happened. */
  missing(names: readonly string[]): string[] {
    return names.filter((name) => this.get(name) === 0)
  }
}
