// Names that stand more than once in a request: Kafka refuses each of them, and so do we.

/** In time linear in the request, because its length is the client's choice. */
export function repeated(names: Iterable<string>): ReadonlySet<string> {
  const seen = new Set<string>()
  const twice = new Set<string>()
  for (const name of names) (seen.has(name) ? twice : seen).add(name)
  return twice
}
