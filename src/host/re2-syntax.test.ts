import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { linearRegExp } from './linear-regexp.ts'

const matching: [pattern: string, yes: string[], no: string[]][] = [
  ['orders', ['orders'], ['order', 'orders1']],
  ['orders|payments', ['orders', 'payments'], ['orderspayments']],
  ['or.*s', ['orders', 'ors'], ['orders-eu']],
  ['a{2,3}', ['aa', 'aaa'], ['a', 'aaaa']],
  ['(?i)Orders', ['orders', 'ORDERS'], ['order']],
  ['(?i:a)b', ['ab', 'Ab'], ['aB']],
  ['(a(?i)b)c', ['abc', 'aBc'], ['abC', 'Abc']],
  ['(?i)a(?-i)b', ['Ab'], ['AB']],
  ['(?i)[b-d]', ['B', 'c'], ['a', 'A']],
  ['(?i)[^b-d]', ['a', 'A'], ['b', 'B']],
  ['(?s)a.c', ['abc'], []],
  ['\\Qa.b\\E+', ['a.b', 'a.bb'], ['axb']],
  ['\\Aabc\\z', ['abc'], ['Aabcz']],
  ['^abc$', ['abc'], ['xabc']],
  ['[[:alpha:]]+', ['abcXYZ'], ['abc1', '[']],
  ['[[:^digit:]x]+', ['ab-x'], ['a1']],
  ['[]a]+', [']a'], ['b']],
  ['[a\\-z]', ['a', '-', 'z'], ['b']],
  ['[a-]', ['a', '-'], ['b']],
  ['\\pL+\\p{Nd}', ['ab1'], ['a-1']],
  ['\\P{L}', ['1'], ['a']],
  ['(?P<name>a)(?<other>b)', ['ab'], ['a']],
  ['\\x41\\x{42}', ['AB'], ['ab']],
  ['\\d\\D\\w\\W', ['1a_-'], ['aaaa']],
  ['a\\.b', ['a.b'], ['axb']],
  ['(a*)*b', ['aab', 'b'], ['aa']],
]

const refused = [
  't(',
  'a)',
  '[a',
  '[z-a]',
  '*a',
  'a**',
  '(?=a)b',
  '(?!a)b',
  '(?<=a)b',
  '(a)\\1',
  '\\y',
  '\\pX',
  '[[:nope:]]',
  'a\\',
  '(?z)',
  'a{1001}',
  '(a{1,100}){1,100}',
]

describe('an expression in the syntax of RE2', () => {
  for (const [pattern, yes, no] of matching) {
    it(`${pattern} matches what RE2 says`, () => {
      const compiled = linearRegExp(pattern)

      assert.ok(compiled !== undefined)
      for (const text of yes) assert.equal(compiled.test(text), true, text)
      for (const text of no) assert.equal(compiled.test(text), false, text)
    })
  }

  for (const pattern of refused) {
    it(`${pattern} is refused`, () => {
      assert.equal(linearRegExp(pattern), undefined)
    })
  }
})
