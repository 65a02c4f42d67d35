// The keys of SCRAM (RFC 5802, RFC 7677 for SHA-256; SHA-512 alike) and what is made of them. All but
// the first step are cheap; that one runs in Node's thread pool.

import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import type { ScramCredential, ScramMechanism } from '../../catalog/credential-record.ts'

export interface ScramDigest {
  /** As node:crypto names it. */
  readonly name: 'sha256' | 'sha512'
  readonly bytes: number
}

export const digestOf: Readonly<Record<ScramMechanism, ScramDigest>> = {
  'SCRAM-SHA-256': { name: 'sha256', bytes: 32 },
  'SCRAM-SHA-512': { name: 'sha512', bytes: 64 },
}

const derive = promisify(pbkdf2)

/** Hi() of the RFC. */
export function saltPassword(
  mechanism: ScramMechanism,
  password: string,
  { salt, iterations }: { readonly salt: Buffer; readonly iterations: number },
): Promise<Buffer> {
  const { name, bytes } = digestOf[mechanism]
  return derive(Buffer.from(password), salt, iterations, bytes, name)
}

/** What is stored for a user. */
export function credentialOf(
  mechanism: ScramMechanism,
  saltedPassword: Buffer,
  { salt, iterations }: { readonly salt: Buffer; readonly iterations: number },
): ScramCredential {
  const clientKey = hmac(mechanism, saltedPassword, 'Client Key')
  const serverKey = hmac(mechanism, saltedPassword, 'Server Key')
  return { salt, iterations, storedKey: hash(mechanism, clientKey), serverKey }
}

/** Does the client know the password? In constant time. */
export function isProof(
  mechanism: ScramMechanism,
  { storedKey }: ScramCredential,
  { authMessage, proof }: { readonly authMessage: string; readonly proof: Buffer },
): boolean {
  const signature = hmac(mechanism, storedKey, authMessage)
  if (proof.length !== signature.length) return false
  return timingSafeEqual(hash(mechanism, xor(proof, signature)), storedKey)
}

/** What a client sends to show that it knows the password. */
export function proofOf(
  mechanism: ScramMechanism,
  saltedPassword: Buffer,
  authMessage: string,
): Buffer {
  const clientKey = hmac(mechanism, saltedPassword, 'Client Key')
  return xor(clientKey, hmac(mechanism, hash(mechanism, clientKey), authMessage))
}

/** What a server sends to show that it knows the user. */
export function serverSignature(
  mechanism: ScramMechanism,
  serverKey: Buffer,
  authMessage: string,
): Buffer {
  return hmac(mechanism, serverKey, authMessage)
}

export function serverKeyOf(mechanism: ScramMechanism, saltedPassword: Buffer): Buffer {
  return hmac(mechanism, saltedPassword, 'Server Key')
}

function hmac(mechanism: ScramMechanism, key: Buffer, text: string): Buffer {
  return createHmac(digestOf[mechanism].name, key).update(text).digest()
}

function hash(mechanism: ScramMechanism, bytes: Buffer): Buffer {
  return createHash(digestOf[mechanism].name).update(bytes).digest()
}

function xor(one: Buffer, other: Buffer): Buffer {
  return Buffer.from(one.map((byte, index) => byte ^ other[index]!))
}
