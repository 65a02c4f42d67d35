// Millrace as a peer: the bundled command where it was built, else the source as it is.
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { start } from '../processes.ts'
import { type Peer, untilListening } from './peer.ts'

const ownRoot = resolve(import.meta.dirname, '../..')

/** @param options.root of another checkout, to be compared with this one */
export function millracePeer(options: { sync: boolean; root?: string | undefined }): Peer {
  const { root = ownRoot } = options
  const bundle = join(root, 'dist/cli/main.js')
  return {
    name: options.sync ? 'Millrace' : 'Millrace, no sync',
    async start({ folder, port, cpus }) {
      const entry = existsSync(bundle) ? bundle : join(root, 'src/cli/main.ts')
      const configs = ['log.retention.check.interval.ms=500']
      if (!options.sync) configs.push('millrace.unsafe.skip.sync=true')
      const command = [process.execPath, entry, 'start', '--data', folder]
      command.push('--listen', `127.0.0.1:${port}`, ...configs.flatMap((pair) => ['-c', pair]))
      const started = start(command, { cpus })
      await untilListening(port, started)
      return { bootstrap: { host: '127.0.0.1', port }, pid: started.child.pid!, started }
    },
  }
}
