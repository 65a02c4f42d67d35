// How many files and sockets the operating system lets this process have open at once.

import { readFile } from 'node:fs/promises'

/** undefined where it is unlimited or cannot be found out. Node raises its soft limit to the hard one. */
export async function openFilesLimit(): Promise<number | undefined> {
  const limit = (await fromProc()) ?? fromReport()
  return Number.isSafeInteger(limit) ? limit : undefined
}

async function fromProc(): Promise<number | undefined> {
  try {
    const limits = await readFile('/proc/self/limits', 'utf8')
    return Number(/^Max open files\s+(\S+)/m.exec(limits)?.[1])
  } catch {
    return undefined // not Linux
  }
}

/** Slower (10 ms), and there on every system. */
function fromReport(): number {
  Reflect.set(process.report, 'excludeNetwork', true) // else host names are looked up; not typed yet
  const report = JSON.stringify(process.report.getReport())
  return Number(/"open_files":\{"soft":"?(\w+)/.exec(report)?.[1])
}
