import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { canonicalHost, hostOfAddress } from './client-host.ts'

describe('the host of a client', () => {
  it('is its address without the port', () => {
    assert.equal(hostOfAddress('10.0.0.1:50000'), '10.0.0.1')
    assert.equal(hostOfAddress('::1:50000'), '::1')
  })

  it('is IPv4 also where a socket for both wraps it', () => {
    assert.equal(hostOfAddress('::ffff:10.0.0.1:50000'), '10.0.0.1')
    assert.equal(canonicalHost('::ffff:a00:1'), '10.0.0.1')
    assert.equal(canonicalHost('0:0:0:0:0:ffff:10.0.0.1'), '10.0.0.1')
  })
})

describe('the host of a rule', () => {
  it('is one of the many spellings of an address', () => {
    assert.equal(canonicalHost('0:0:0:0:0:0:0:1'), '::1')
    assert.equal(canonicalHost('2001:0DB8::0001'), '2001:db8::1')
    assert.equal(canonicalHost('[fe80::1%eth0]'), 'fe80::1')
  })

  it('stays as it is when it is no address', () => {
    assert.equal(canonicalHost('example.com'), 'example.com')
    assert.equal(canonicalHost(':::'), ':::')
  })
})
