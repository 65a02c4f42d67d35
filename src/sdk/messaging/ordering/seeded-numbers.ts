// Repeatable choices for tests that try many orders of events: an xorshift generator.

/** @returns a function that gives whole numbers from 0 to below its argument */
export function seededNumbers(seed: number): (limit: number) => number {
  let state = Math.imul(seed, 0x9e3779b1) | 1
  return (limit) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % limit
  }
}
