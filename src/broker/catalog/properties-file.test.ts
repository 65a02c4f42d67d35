import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseProperties } from './properties-file.ts'

const read = (text: string) => parseProperties(text).map(({ key, value }) => [key, value])

describe('a .properties file', () => {
  it('separates key and value by =, : or blanks, and keeps later separators in the value', () => {
    const pairs = read('a=1\nb: 2\nc 3\n d \t = x=y:z\nlisteners=PLAINTEXT://:9092\n')

    assert.deepEqual(pairs, [
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
      ['d', 'x=y:z'],
      ['listeners', 'PLAINTEXT://:9092'],
    ])
  })

  it('skips comments and empty lines, whatever the line ends', () => {
    const pairs = read('# one\r\n  ! two\r\n\r\na=1 # no comment\r\n')

    assert.deepEqual(pairs, [['a', '1 # no comment']])
  })

  it('joins a line that ends in a backslash with the next, without its indentation', () => {
    const pairs = read('a=one,\\\n    two\nb=ends\\\\\nc=\\\n')

    assert.deepEqual(pairs, [
      ['a', 'one,two'],
      ['b', 'ends\\'],
      ['c', ''],
    ])
  })

  it('reads escapes in keys and values', () => {
    const pairs = read('a\\ b\\=c=\\u0041\\t\\q\n')

    assert.deepEqual(pairs, [['a b=c', 'A\tq']])
  })

  it('takes a key without a value, and says on which line each key stands', () => {
    const properties = parseProperties('\n\nalone\nlast=\\\n1\nend=2')

    assert.deepEqual(properties, [
      { key: 'alone', value: '', line: 3 },
      { key: 'last', value: '1', line: 4 },
      { key: 'end', value: '2', line: 6 },
    ])
  })
})
