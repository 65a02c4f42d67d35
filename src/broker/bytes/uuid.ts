// A UUID is carried as its 22 base64url characters without padding, as Kafka's own tools print it.

/** 16 zero bytes: "no id" on the wire. */
export const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA'

const UUID_BYTES = 16
const UUID_TEXT = /^[A-Za-z0-9_-]{21}[AQgw]$/

export function formatUuid(buffer: Buffer, position: number): string {
  return buffer.toString('base64url', position, position + UUID_BYTES)
}

export function isUuid(text: string): boolean {
  return UUID_TEXT.test(text)
}

/** Writes the 16 bytes at `position`. @throws RangeError when `uuid` is not 22 base64url characters */
export function writeUuid(buffer: Buffer, uuid: string, position: number): void {
  if (!isUuid(uuid)) throw new RangeError(`Not a UUID of 22 base64url characters: ${uuid}`)
  buffer.write(uuid, position, UUID_BYTES, 'base64url')
}
