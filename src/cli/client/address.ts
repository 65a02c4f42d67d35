// `HOST:PORT` as it is written on command lines and in configurations. Pure.

export interface Address {
  readonly host: string
  readonly port: number
}

/** undefined unless the text is `host:port`, `1.2.3.4:port` or `[v6]:port` with a port of 0..65535. */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:\[([0-9a-fA-F:.%\w]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text)
  if (match === null) return undefined
  const host = match[1] ?? match[2]!
  const port = Number(match[3])
  return port <= 65_535 ? { host, port } : undefined
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
