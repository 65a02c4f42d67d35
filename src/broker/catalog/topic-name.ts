// Which names a topic may have. Invariant: two topics never differ by '.' and '_' alone, because
// metric names made from topics replace one by the other (Kafka refuses them as well), and a name is
// always a plain file name, since a partition's folder is called `<topic>-<partition>`.

const MAX_TOPIC_NAME_LENGTH = 249
const LEGAL = /^[a-zA-Z0-9._-]+$/

/** Topics that the broker itself writes; clients see them marked as internal. */
const INTERNAL_TOPICS: readonly string[] = ['__consumer_offsets', '__transaction_state']

/** Names under which Kafka keeps what is no topic: they cannot be created. */
const RESERVED_TOPICS: readonly string[] = ['__cluster_metadata']

/** Why the name is illegal, or undefined when it is fine. */
export function explainIllegalTopicName(name: string): string | undefined {
  if (name === '') return 'A topic needs a name.'
  if (name === '.' || name === '..') return `A topic cannot be called '${name}'.`
  if (name.length > MAX_TOPIC_NAME_LENGTH) {
    return `A topic name has at most ${MAX_TOPIC_NAME_LENGTH} characters, this one has ${name.length}.`
  }
  if (!LEGAL.test(name)) {
    return `Topic name '${name}' may contain ASCII letters, digits, '.', '_' and '-' only.`
  }
  return undefined
}

export function isReservedTopic(name: string): boolean {
  return RESERVED_TOPICS.includes(name)
}

export function isInternalTopic(name: string): boolean {
  return INTERNAL_TOPICS.includes(name)
}

/** Names with the same key collide: `a.b` and `a_b`. */
export function collisionKey(name: string): string {
  return name.replaceAll('.', '_')
}

/** The folder of a partition below `topics/`. */
export function partitionFolder(topic: string, partition: number): string {
  return `${topic}-${partition}`
}

/** The other way round; undefined when `folder` is not the folder of a partition. */
export function parsePartitionFolder(
  folder: string,
): { topic: string; partition: number } | undefined {
  const match = /^(.+)-(0|[1-9][0-9]{0,8})$/.exec(folder)
  if (match === null) return undefined
  const [, topic = '', partition = ''] = match
  if (explainIllegalTopicName(topic) !== undefined) return undefined
  return { topic, partition: Number(partition) }
}
