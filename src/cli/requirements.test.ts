import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { it } from 'node:test'
import { unmetRequirement } from './requirements.ts'
import { VERSION } from './version.ts'

const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

it('Node from 24.12 on is welcome on Linux and macOS', () => {
  for (const version of ['24.12.0', '24.21.0', '25.0.0', '26.1.3']) {
    assert.equal(unmetRequirement(version, 'linux'), undefined)
    assert.equal(unmetRequirement(version, 'darwin'), undefined)
  }
})

it('an older Node and Windows are refused with one plain sentence', () => {
  for (const version of ['10.24.1', '20.20.2', '22.21.0', '23.12.0', '24.11.9']) {
    const sentence = unmetRequirement(version, 'linux')
    assert.match(sentence ?? '', /^Millrace needs Node\.js 24\.12 or later, this is [\d.]+: .+\.$/)
  }
  assert.match(
    unmetRequirement('24.12.0', 'win32') ?? '',
    /^Millrace runs on .+ not on Windows.+\.$/,
  )
})

it('the manifest and the command agree on the version and on what is needed', () => {
  assert.equal(VERSION, manifest.version)
  assert.equal(manifest.engines.node, '>=24.12')
})
