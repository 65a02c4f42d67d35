// What the machine must offer before anything else is loaded. The launcher calls this on whatever
// Node it finds, so this file and main.ts keep to syntax and calls that very old versions know.

const MIN_MAJOR = 24
const MIN_MINOR = 12

/** One plain sentence when Millrace can't run here, else undefined. */
export function unmetRequirement(nodeVersion: string, platform: string): string | undefined {
  if (platform === 'win32') {
    return 'Millrace runs on Linux and macOS, not on Windows: use WSL, a container or a virtual machine.'
  }
  const parts = nodeVersion.split('.')
  const major = Number(parts[0])
  const minor = Number(parts[1])
  if (major > MIN_MAJOR || (major === MIN_MAJOR && minor >= MIN_MINOR)) return undefined
  return `Millrace needs Node.js ${MIN_MAJOR}.${MIN_MINOR} or later, this is ${nodeVersion}: install a newer one from nodejs.org.`
}
