// The topics of an application, made before anything reads or writes them.

import type { AnyTopic, Topic } from '../events/topic.ts'
import type { Administration } from '../transport/administration.ts'
import { TopicMismatchError } from './errors.ts'

/**
 * Foreign topics are their owners' to make: a consumer of one that is missing begins once it is there.
 * @throws TopicMismatchError, and what the engine refuses a topic with
 */
export async function ensureTopics(
  administration: Administration,
  topics: readonly AnyTopic[],
): Promise<void> {
  const own = topics.filter((topic): topic is Topic => topic.kind === 'topic')
  const specs = own.map(({ name, partitions, config }) => {
    return partitions === undefined ? { name, config } : { name, partitions, config }
  })
  const standing = await administration.ensureTopics(specs)
  for (const { name: topic, partitions: declared } of own) {
    const actual = standing.find(({ name }) => name === topic)?.partitions
    if (declared === undefined || actual === undefined || declared === actual) continue
    throw new TopicMismatchError({ topic, declared, actual })
  }
}
