// What is compared of an answer: its error codes with the names that they are about, what lists show,
// and operations. All else (offsets, hosts, sentences) is no matter of access.

import { errorName } from '../../src/broker/wire/error-codes.ts'
import { type TopicIds, UNKNOWN_ID } from './questions.ts'

/** One line for each fact, sorted: `topics/orders/partitions/0 TOPIC_AUTHORIZATION_FAILED`. */
export function factsOf(answer: unknown, ids: TopicIds): string[] {
  const facts: string[] = []
  gather(answer, [], facts, ids)
  return facts.sort()
}

const names = [
  'name',
  'topic',
  'groupId',
  'transactionalId',
  'resourceName',
  'feature',
  'key',
  'user',
]
const indexes = ['resourceType', 'partitionIndex', 'partition', 'partitionId', 'index']
const ERROR = /errorCode$/i
const OPERATIONS = /authorizedOperations$/i
/** Lists that are about the broker and not about what may be seen. */
const leftOut = new Set([
  'apiKeys',
  'brokers',
  'configs',
  'supportedFeatures',
  'finalizedFeatures',
  'activeProducers',
])

function gather(value: unknown, path: string[], facts: string[], ids: TopicIds): void {
  if (Buffer.isBuffer(value) || typeof value !== 'object' || value === null) return
  for (const [field, member] of Object.entries(value)) {
    if (leftOut.has(field)) continue
    if (ERROR.test(field) && typeof member === 'number') {
      const label = field === 'errorCode' || field === 'partitionErrorCode' ? [] : [field]
      facts.push(`${[...path, ...label].join('/')} ${errorName(member)}`)
    } else if (OPERATIONS.test(field)) {
      facts.push(`${path.join('/')} ${field} ${member}`)
    } else if (Array.isArray(member)) {
      for (const [place, element] of member.entries()) {
        const below = [...path, field, labelOf(element, ids) || `#${place}`]
        if (typeof element === 'object') facts.push(below.join('/'))
        gather(element, below, facts, ids)
      }
    }
  }
}

function labelOf(element: unknown, ids: TopicIds): string {
  if (typeof element !== 'object' || element === null) return String(element)
  const fields = element as Record<string, unknown>
  const labels: string[] = []
  for (const name of names) {
    if (typeof fields[name] === 'string' && fields[name] !== '') labels.push(fields[name])
  }
  const topicId = fields['topicId']
  if (topicId === UNKNOWN_ID) labels.push('(id unknown)')
  for (const [name, id] of Object.entries(ids)) if (topicId === id) labels.push(`(id of ${name})`)
  for (const index of indexes) {
    if (typeof fields[index] === 'number') labels.push(String(fields[index]))
  }
  return labels.join(' ')
}
