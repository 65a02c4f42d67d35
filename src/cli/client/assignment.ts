// The partitions that a member of a consumer group was given, as the group's leader wrote them.
// Source: ConsumerProtocolAssignment of kafka-clients; the broker itself never looks into it.

import { DecodeError } from '../../broker/bytes/reader.ts'
import { array, bytes, string } from '../../broker/wire/field.ts'
import { decodeVersioned, defineMessage } from '../../broker/wire/message.ts'

const consumerProtocolAssignment = defineMessage({
  name: 'ConsumerProtocolAssignment',
  versions: [0, 3],
  flexibleFrom: 'never',
  fields: {
    assignedPartitions: array('0+', { topic: string('0+'), partitions: array('0+', 'int32') }),
    userData: bytes('0+', { nullable: '0+' }),
  },
})

export interface AssignedPartitions {
  readonly topic: string
  readonly partitions: readonly number[]
}

/** undefined when the bytes are of another protocol (Kafka Connect, for one). */
export function readAssignment(assignment: Buffer): readonly AssignedPartitions[] | undefined {
  if (assignment.length === 0) return []
  try {
    return decodeVersioned(consumerProtocolAssignment, assignment).value.assignedPartitions
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}
