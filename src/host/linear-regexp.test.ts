import assert from 'node:assert/strict'
import { it } from 'node:test'
import { linearRegExp } from './linear-regexp.ts'

it('matches whole texts', () => {
  const pattern = linearRegExp('orders-[0-9]+|all')

  assert.equal(pattern?.test('orders-17'), true)
  assert.equal(pattern?.test('all'), true)
  assert.equal(pattern?.test('orders-17x'), false)
})

it('takes no time over a pattern that was made to take long', () => {
  for (const pattern of ['(a+)+b', '(a|a)*b', '(a*)*b']) {
    assert.equal(linearRegExp(pattern)?.test('a'.repeat(50_000)), false)
  }
})

it('refuses what cannot be matched in linear time, or is no pattern', () => {
  for (const pattern of ['(?=a)b', '(a)\\1', '(', ')|(', '[z-a]', '(a{1,1000}){1,1000}']) {
    assert.equal(linearRegExp(pattern), undefined, pattern)
  }
  assert.equal(linearRegExp('a'.repeat(2_000)), undefined)
})
