// Addresses of the network as texts that can be compared: `::FFFF:10.0.0.1`, `10.0.0.1` and what a
// socket shows of the same peer are one. Host names are not looked up: a name may mean another
// machine tomorrow, and a limit should not.

const IPV4 = /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/
const MAPPED = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/

/** undefined when the text is no address of version 4 or 6. */
export function canonicalAddress(text: string): string | undefined {
  if (IPV4.test(text)) return text
  const withoutZone = text.replace(/%.*$/, '')
  if (!/^[0-9a-f:.]+$/i.test(withoutZone) || !withoutZone.includes(':')) return undefined
  const url = URL.parse(`http://[${withoutZone}]`)
  if (url === null) return undefined
  const mapped = MAPPED.exec(url.hostname)
  if (mapped === null) return url.hostname.slice(1, -1)
  const [high, low] = [Number.parseInt(mapped[1]!, 16), Number.parseInt(mapped[2]!, 16)]
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}
