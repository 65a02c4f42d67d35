// CRC-32C (Castagnoli), the checksum of record batches, from a library with prebuilt binaries.

import { crc32c as nativeCrc32c } from '@node-rs/crc32'

/** @param previous the checksum of the bytes before these, to go on from */
export function crc32c(bytes: Buffer, previous = 0): number {
  return nativeCrc32c(bytes, previous)
}
