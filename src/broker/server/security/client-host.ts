// The host that an access rule names, and the one that a client comes from, in one spelling: IPv4 with
// dots also where IPv6 wraps it, IPv6 as RFC 5952 has it. So `::1` and the `0:0:0:0:0:0:0:1` that Java
// prints are the same rule.

/** `10.0.0.1:50000`, `::ffff:10.0.0.1:50000` -> `10.0.0.1`. @param remoteAddress address and port */
export function hostOfAddress(remoteAddress: string): string {
  return canonicalHost(remoteAddress.replace(/:\d+$/, ''))
}

/** A text that is no address stays as it is: no client comes from there. */
export function canonicalHost(text: string): string {
  const plain = text.replace(/^\[|\]$/g, '').replace(/%.*$/, '')
  if (!plain.includes(':')) return plain
  const mapped = /^(?:0*:){1,6}ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)
  if (mapped !== null) return mapped[1]!
  try {
    const canonical = new URL(`http://[${plain}]`).hostname.slice(1, -1)
    return fromMapped(canonical) ?? canonical
  } catch {
    return text
  }
}

/** `::ffff:a00:1` -> `10.0.0.1`. */
function fromMapped(canonical: string): string | undefined {
  const match = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical)
  if (match === null) return undefined
  const [high, low] = [Number.parseInt(match[1]!, 16), Number.parseInt(match[2]!, 16)]
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
}
