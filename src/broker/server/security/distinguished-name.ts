// The name in a certificate as Kafka writes it: RFC 2253, as Java's X500Principal prints it. The last
// part comes first; attributes without a short name in that RFC are their number and the hexadecimal
// form of their value. Read from the certificate's bytes, because every text form of it has been
// escaped in some other way already.
//
//   Certificate { TBSCertificate { [0] version, serial, algorithm, issuer, validity, subject, ... } }

interface Item {
  readonly tag: number
  /** With tag and length. */
  readonly whole: Buffer
  readonly content: Buffer
}

const SEQUENCE = 0x30
const EXPLICIT_0 = 0xa0
const UTF8 = 0x0c
const BMP = 0x1e
const UNIVERSAL = 0x1c
/** Printable, T61, IA5, visible, general: one byte a character. */
const ONE_BYTE_TEXTS = [0x13, 0x14, 0x16, 0x1a, 0x1b]

const shortNames: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'STREET',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '0.9.2342.19200300.100.1.25': 'DC',
  '0.9.2342.19200300.100.1.1': 'UID',
}

/** @param certificate DER. @throws RangeError when it is none */
export function subjectName(certificate: Buffer): string {
  const [outer] = itemsOf(certificate)
  const [body] = itemsOf(outer?.content ?? Buffer.alloc(0))
  const fields = itemsOf(body?.content ?? Buffer.alloc(0))
  // Serial number, algorithm, issuer, validity, subject; a version may stand before them.
  const subject = fields[fields[0]?.tag === EXPLICIT_0 ? 5 : 4]
  if (subject?.tag !== SEQUENCE) throw new RangeError('this is no certificate')
  const parts = itemsOf(subject.content).map(({ content }) => {
    return itemsOf(content).map(attribute).join('+')
  })
  return parts.toReversed().join(',')
}

function attribute(item: Item): string {
  const [type, value] = itemsOf(item.content)
  if (type === undefined || value === undefined) throw new RangeError('a name without a value')
  const number = objectId(type.content)
  const text = textOf(value)
  const name = shortNames[number]
  if (name === undefined || text === undefined) {
    return `${name ?? number}=#${value.whole.toString('hex')}`
  }
  return `${name}=${escapeValue(text)}`
}

function escapeValue(text: string): string {
  const escaped = text.replace(/[,+"\\<>;=]/g, (character) => `\\${character}`)
  const leading = escaped.replace(/^ +/, (blanks) => '\\ '.repeat(blanks.length))
  return leading
    .replace(/^#/, '\\#')
    .replace(/(?<![\\ ])( +)$/, (blanks) => '\\ '.repeat(blanks.length))
}

function textOf({ tag, content }: Item): string | undefined {
  if (tag === UTF8) return content.toString('utf8')
  if (ONE_BYTE_TEXTS.includes(tag)) return content.toString('latin1')
  if (tag === BMP) return Buffer.from(content).swap16().toString('utf16le')
  if (tag !== UNIVERSAL) return undefined
  const characters = Array.from({ length: content.length / 4 }, (_, index) => {
    return content.readUInt32BE(index * 4)
  })
  return String.fromCodePoint(...characters)
}

function objectId(content: Buffer): string {
  const numbers: number[] = []
  let value = 0
  for (const byte of content) {
    value = value * 128 + (byte & 0x7f)
    if (byte >= 0x80) continue
    numbers.push(value)
    value = 0
  }
  const first = numbers.shift() ?? 0
  const arc = Math.min(2, Math.floor(first / 40))
  return [arc, first - arc * 40, ...numbers].join('.')
}

function itemsOf(bytes: Buffer): Item[] {
  const items: Item[] = []
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes.readUInt8(at)
    const short = bytes.readUInt8(at + 1)
    const lengthBytes = short < 0x80 ? 0 : short & 0x7f
    const length = lengthBytes === 0 ? short : bytes.readUIntBE(at + 2, lengthBytes)
    const start = at + 2 + lengthBytes
    if (start + length > bytes.length) throw new RangeError('the certificate ends too early')
    const whole = bytes.subarray(at, start + length)
    items.push({ tag, whole, content: bytes.subarray(start, start + length) })
    at = start + length
  }
  return items
}
