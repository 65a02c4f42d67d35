// Whole numbers in as few bytes as they need: unsigned LEB128, seven bits a byte, the lowest first.

/** @param value a safe integer, not negative */
export function putVarint(bytes: number[], value: number): void {
  let rest = value
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  bytes.push(rest)
}

/** @returns undefined when the last number is cut off, or one is too large */
export function takeVarints(bytes: Uint8Array): number[] | undefined {
  const numbers: number[] = []
  let value = 0
  let scale = 1
  for (const byte of bytes) {
    value += (byte & 0x7f) * scale
    if (!Number.isSafeInteger(value)) return undefined
    if (byte >= 0x80) {
      scale *= 0x80
      continue
    }
    numbers.push(value)
    value = 0
    scale = 1
  }
  return scale === 1 ? numbers : undefined
}
