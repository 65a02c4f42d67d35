// Cuts a stream of bytes into lines, without looking at what they hold: a record's value may be in
// any encoding.

import { usageError } from './exit-code.ts'

const LINE_FEED = 0x0a
const CARRIAGE_RETURN = 0x0d
const MAX_LINE_BYTES = 64 * 1024 * 1024

/** The lines that each chunk completes, without their line ends; the last may lack one. */
export async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer[]> {
  let rest: Buffer[] = []
  let restBytes = 0
  for await (const chunk of chunks) {
    const lines: Buffer[] = []
    let from = 0
    for (let to = chunk.indexOf(LINE_FEED); to >= 0; to = chunk.indexOf(LINE_FEED, from)) {
      const end = chunk.subarray(from, to)
      lines.push(withoutCarriageReturn(rest.length === 0 ? end : Buffer.concat([...rest, end])))
      rest = []
      restBytes = 0
      from = to + 1
    }
    if (from < chunk.length) {
      rest.push(chunk.subarray(from))
      restBytes += chunk.length - from
      if (restBytes > MAX_LINE_BYTES) throw usageError('A line of the input is above 64 MB.')
    }
    if (lines.length > 0) yield lines
  }
  if (rest.length > 0) yield [withoutCarriageReturn(Buffer.concat(rest))]
}

function withoutCarriageReturn(line: Buffer): Buffer {
  return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line
}
