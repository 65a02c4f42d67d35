// What a topic's settings must be when it is an event store. Pure. Whether it is one is settled when it
// is made: its records have versions from the first on. It is kept for ever unless told otherwise, and
// never compacted, for its key is the stream: compaction would leave one event of each.

export const STORE_KEY = 'millrace.store'

type Texts = Readonly<Record<string, string>>

export function isStore(texts: Texts): boolean {
  return texts[STORE_KEY] === 'true'
}

/** What a store has where nobody said otherwise, whatever the broker's own defaults are. */
export function withStoreDefaults(texts: Texts): Texts {
  if (!isStore(texts)) return texts
  return { 'cleanup.policy': 'delete', 'retention.bytes': '-1', 'retention.ms': '-1', ...texts }
}

export function explainNoStore(texts: Texts): string | undefined {
  if (!isStore(texts) || !/compact/.test(texts['cleanup.policy'] ?? '')) return undefined
  return `${STORE_KEY}=true and cleanup.policy=${texts['cleanup.policy']} exclude each other: compaction would keep one event of each stream.`
}

export type StoreTexts =
  | { readonly kind: 'kept'; readonly texts: Texts }
  | { readonly kind: 'conflict'; readonly message: string }

/** The settings that a topic gets by an alteration that may have left out that it is a store. */
export function keepStore(current: Texts, next: Texts): StoreTexts {
  const wanted = next[STORE_KEY]
  if (wanted !== undefined && (wanted === 'true') !== isStore(current)) {
    return {
      kind: 'conflict',
      message: `${STORE_KEY} is settled when a topic is made: make another topic.`,
    }
  }
  if (!isStore(current)) return { kind: 'kept', texts: next }
  const texts = withStoreDefaults({ ...next, [STORE_KEY]: 'true' })
  const conflict = explainNoStore(texts)
  return conflict === undefined ? { kind: 'kept', texts } : { kind: 'conflict', message: conflict }
}
