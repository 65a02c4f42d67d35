// What Kafka's tools are expected to print of this broker: what they print of Kafka, with the named
// differences put in.
import { type Difference, differences } from './differences.ts'
import type { Outcomes } from './setup.ts'

interface Comparison {
  readonly cases: readonly { name: string; outcome: string; expected: string }[]
  /** Differences that were not met. */
  readonly needless: readonly Difference[]
}

export function compare(ours: Outcomes, kafka: Outcomes): Comparison {
  const needless = new Set(differences)
  const cases = [...ours].map(([name, outcome]) => {
    let expected = kafka.get(name) ?? ''
    for (const difference of differences) {
      const isHere = difference.inCase === undefined || difference.inCase === name
      if (!isHere || !expected.includes(difference.kafka)) continue
      needless.delete(difference)
      expected = expected.replaceAll(difference.kafka, difference.ours)
    }
    return { name, outcome, expected }
  })
  return { cases, needless: [...needless] }
}
