// Java's .properties format, as server.properties is written: `key=value`, `key: value` or
// `key value`, comments with # or !, a backslash at the end of a line joins the next one, and
// \t \n \r \f \uXXXX stand for characters. Pure.
// Source: the documentation of java.util.Properties.load.

export interface Property {
  readonly key: string
  readonly value: string
  /** Line where the key stands, from 1. */
  readonly line: number
}

const BLANK = /[ \t\f]/
const ESCAPES: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' }

/** In the order of the file; a key that stands twice comes twice. */
export function parseProperties(text: string): Property[] {
  const properties: Property[] = []
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/)
  for (let at = 0; at < lines.length; at++) {
    const line = at + 1
    let logical = trimStart(lines[at]!)
    if (logical === '' || logical.startsWith('#') || logical.startsWith('!')) continue
    while (continues(logical)) {
      at += 1
      logical = logical.slice(0, -1) + trimStart(lines[at] ?? '')
    }
    properties.push({ ...splitKey(logical), line })
  }
  return properties
}

/** An odd number of backslashes at the end: the last one escapes the line's end. */
function continues(line: string): boolean {
  const backslashes = /\\*$/.exec(line)![0].length
  return backslashes % 2 === 1
}

function splitKey(line: string): { key: string; value: string } {
  let end = 0
  while (end < line.length && !/[=: \t\f]/.test(line[end]!)) end += line[end] === '\\' ? 2 : 1
  let start = end
  while (start < line.length && BLANK.test(line[start]!)) start += 1
  if (line[start] === '=' || line[start] === ':') start += 1
  return { key: readEscapes(line.slice(0, end)), value: readEscapes(trimStart(line.slice(start))) }
}

function readEscapes(text: string): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|[\s\S]|$)/g, (_, code: string) => {
    if (code.length === 5) return String.fromCharCode(Number.parseInt(code.slice(1), 16))
    return ESCAPES[code] ?? code
  })
}

function trimStart(text: string): string {
  return text.replace(/^[ \t\f]+/, '')
}
