/** `127.0.0.1:38856` as Java prints an address, and Kafka's tools show it: `/127.0.0.1`. */
export function clientHostOf(address: string): string {
  const portAt = address.lastIndexOf(':')
  return `/${portAt === -1 ? address : address.slice(0, portAt)}`
}
