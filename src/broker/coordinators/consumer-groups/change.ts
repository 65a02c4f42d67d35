// A group while one input is decided: what it is decided to write takes effect at once, so that each
// step sees what the steps before it did.

import type { ConsumerGroup } from './consumer-group.ts'
import type { Outcome, TimerChange } from './input.ts'
import type { ConsumerGroupRecord } from './records.ts'

type WithoutGroupId<Record> = Record extends ConsumerGroupRecord ? Omit<Record, 'groupId'> : never

export class Change {
  readonly group: ConsumerGroup
  readonly records: ConsumerGroupRecord[] = []
  readonly timers: TimerChange[] = []

  constructor(group: ConsumerGroup) {
    this.group = group
  }

  write(record: WithoutGroupId<ConsumerGroupRecord>): void {
    const whole: ConsumerGroupRecord = { ...record, groupId: this.group.groupId }
    this.group.apply(whole)
    this.records.push(whole)
  }

  startTimer(timer: TimerChange['timer'], memberId: string, afterMs: number): void {
    this.timers.push({ timer, memberId, afterMs })
  }

  cancelTimer(timer: TimerChange['timer'], memberId: string): void {
    this.timers.push({ timer, memberId, afterMs: null })
  }

  outcome(): Outcome {
    return { records: this.records, timers: this.timers }
  }
}
