// Where a program says what nobody asked it: standard error, a line at a time.

export function writeErrorLine(line: string): void {
  process.stderr.write(`${line}\n`)
}
