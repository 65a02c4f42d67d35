// How requests number the mechanisms of SCRAM. Source: KIP-554.

import type { ScramMechanism } from '../../catalog/credential-record.ts'

export const scramMechanismCodes: Readonly<Record<ScramMechanism, number>> = {
  'SCRAM-SHA-256': 1,
  'SCRAM-SHA-512': 2,
}

export function mechanismOfCode(code: number): ScramMechanism | undefined {
  if (code === scramMechanismCodes['SCRAM-SHA-256']) return 'SCRAM-SHA-256'
  return code === scramMechanismCodes['SCRAM-SHA-512'] ? 'SCRAM-SHA-512' : undefined
}
