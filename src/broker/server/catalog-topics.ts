// The topics of the catalogue as consumer groups see them, with a version that tells them when to look
// again.

import type { Catalog } from '../catalog/catalog.ts'
import type { TopicFacts, TopicsView } from '../coordinators/consumer-groups/topics-view.ts'

type Topics = Pick<Catalog, 'topic' | 'topicById' | 'topics' | 'onChange'>

export class CatalogTopics implements TopicsView {
  readonly #catalog: Topics
  readonly #stopListening: () => void
  #version = 0

  constructor(catalog: Topics) {
    this.#catalog = catalog
    this.#stopListening = catalog.onChange((change) => {
      if (change.kind !== 'broker-altered') this.#version += 1
    })
  }

  get version(): number {
    return this.#version
  }

  byName(name: string): TopicFacts | undefined {
    return this.#catalog.topic(name)
  }

  byId(id: string): TopicFacts | undefined {
    return this.#catalog.topicById(id)
  }

  *names(): Iterable<string> {
    for (const { name } of this.#catalog.topics()) yield name
  }

  close(): void {
    this.#stopListening()
  }
}
