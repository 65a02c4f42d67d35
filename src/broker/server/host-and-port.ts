// An address as clients are told it.

export interface HostAndPort {
  readonly host: string
  readonly port: number
}
