// The messages of SCRAM as text, both ways. Pure. Source: RFC 5802, section 5 and 7.
//
//   client first   n,[a=AUTHZID],n=USER,r=NONCE[,EXTENSION...]
//   server first   r=NONCE+MORE,s=SALT,i=ITERATIONS
//   client final   c=BASE64(gs2 header),r=NONCE+MORE[,EXTENSION...],p=PROOF
//   server final   v=SIGNATURE

export interface ClientFirst {
  readonly user: string
  readonly nonce: string
  /** `n,,`, or with the name to act as; the last message repeats it. */
  readonly gs2Header: string
  /** The message without that header, as it came: it is part of what is signed. */
  readonly bare: string
}

export type ReadClientFirst =
  | { readonly kind: 'first'; readonly message: ClientFirst }
  | { readonly kind: 'wrong'; readonly why: string }

export interface ClientFinal {
  readonly gs2Header: string
  readonly nonce: string
  readonly proof: Buffer
  readonly withoutProof: string
}

const CLIENT_FIRST = /^([npy][^,]*),(?:a=([^,]*))?,(.*)$/s
/** Printable ASCII but the comma. */
const NONCE = /^[\x21-\x2b\x2d-\x7e]+$/
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const MAX_NONCE = 1024

export function readClientFirst(text: string): ReadClientFirst {
  const [, binding, authzid, bare = ''] = CLIENT_FIRST.exec(text) ?? []
  if (binding === undefined) return wrong('the first message is none of SCRAM')
  if (binding.startsWith('p')) return wrong('channel binding does not exist here')
  const [name, nonce, ...extensions] = bare.split(',')
  if (name?.startsWith('m=')) return wrong('it demands an extension that is not known')
  const user = name?.startsWith('n=') ? readName(name.slice(2)) : undefined
  if (user === undefined || user === '') return wrong('the first message names no user')
  if (!nonce?.startsWith('r=') || !NONCE.test(nonce.slice(2)) || nonce.length > MAX_NONCE) {
    return wrong('the first message has no nonce')
  }
  if (extensions.some((extension) => /^tokenauth=true$/i.test(extension))) {
    return wrong('delegation tokens do not exist here')
  }
  const actsAs = authzid === undefined ? user : readName(authzid)
  if (actsAs !== user && authzid !== '') return wrong('it wants to act as another user')
  const gs2Header = text.slice(0, text.length - bare.length)
  return { kind: 'first', message: { user, nonce: nonce.slice(2), gs2Header, bare } }
}

/** undefined when it is none. */
export function readClientFinal(text: string): ClientFinal | undefined {
  const end = text.lastIndexOf(',p=')
  if (end < 0) return undefined
  const withoutProof = text.slice(0, end)
  const proof = readBase64(text.slice(end + 3))
  const [binding, nonce] = withoutProof.split(',')
  const header = binding?.startsWith('c=') ? readBase64(binding.slice(2)) : undefined
  if (proof === undefined || header === undefined || !nonce?.startsWith('r=')) return undefined
  return { gs2Header: header.toString(), nonce: nonce.slice(2), proof, withoutProof }
}

export function writeServerFirst(message: {
  readonly nonce: string
  readonly salt: Buffer
  readonly iterations: number
}): string {
  return `r=${message.nonce},s=${message.salt.toString('base64')},i=${message.iterations}`
}

export function writeServerFinal(signature: Buffer): string {
  return `v=${signature.toString('base64')}`
}

/** A name has `=2C` for a comma and `=3D` for an equals sign, and no other `=`. */
export function writeName(user: string): string {
  return user.replaceAll('=', '=3D').replaceAll(',', '=2C')
}

function readName(text: string): string | undefined {
  if (/=(?!2C|3D)/.test(text)) return undefined
  return text.replaceAll('=2C', ',').replaceAll('=3D', '=')
}

function readBase64(text: string): Buffer | undefined {
  return BASE64.test(text) ? Buffer.from(text, 'base64') : undefined
}

function wrong(why: string): ReadClientFirst {
  return { kind: 'wrong', why }
}
