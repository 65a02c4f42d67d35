// Certificates for tests, made by openssl in a folder that goes when the test ends: an authority, and
// what it signs, also for times that are over.

import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

export interface Certificate {
  /** A PEM file with the key and then the chain, as `ssl.keystore.location` takes it. */
  readonly path: string
  readonly certificatePath: string
  readonly keyPath: string
}

export class Authority implements AsyncDisposable {
  readonly folder: string
  readonly #caKey: string
  /** What trusts it: a PEM file with its certificate. */
  readonly path: string

  private constructor(folder: string) {
    this.folder = folder
    this.#caKey = join(folder, 'ca.key')
    this.path = join(folder, 'ca.pem')
  }

  static async make(): Promise<Authority> {
    const authority = new Authority(await mkdtemp(join(tmpdir(), 'millrace-certificates-')))
    const out = ['-keyout', authority.#caKey, '-out', authority.path]
    await run('openssl', ['req', '-x509', ...KEY, ...out, '-subj', '/CN=Test CA', '-days', '30'])
    return authority
  }

  /** @param expired its time is over */
  async sign(name: string, subject: string, { expired = false } = {}): Promise<Certificate> {
    const at = (ending: string) => join(this.folder, `${name}.${ending}`)
    await run('openssl', [
      ...['req', '-new', ...KEY, '-keyout', at('key'), '-out', at('csr')],
      ...['-subj', subject, '-utf8'],
    ])
    await writeFile(at('ext'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
    // Time cannot be turned back, but a certificate may end before it begins to be looked at.
    await run('openssl', [
      ...['x509', '-req', '-in', at('csr'), '-CA', this.path, '-CAkey', this.#caKey],
      ...['-CAcreateserial', '-out', at('crt'), '-extfile', at('ext')],
      ...['-days', expired ? '-1' : '30'],
    ])
    const certificate = await readFile(at('crt'), 'utf8')
    await writeFile(at('pem'), (await readFile(at('key'), 'utf8')) + certificate)
    return { path: at('pem'), certificatePath: at('crt'), keyPath: at('key') }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}
