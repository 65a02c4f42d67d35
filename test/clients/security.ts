// How a client is told to protect its connections: as JSON in MILLRACE_CLIENT_SECURITY, which each
// driver turns into its client's own settings. Without it connections are plain.
import type { SaslMechanism } from '../../src/broker/catalog/listener-security.ts'

export interface ClientSecurity {
  readonly protocol: 'SSL' | 'SASL_SSL'
  readonly mechanism?: SaslMechanism
  readonly user?: string
  readonly password?: string
  /** PEM files: who is trusted, and the client's own certificate, its key, and both in one. */
  readonly caFile: string
  readonly certificateFile?: string
  readonly keyFile?: string
  readonly keyAndCertificateFile?: string
}

export const SECURITY_VARIABLE = 'MILLRACE_CLIENT_SECURITY'
