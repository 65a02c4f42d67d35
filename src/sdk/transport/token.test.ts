import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from '../testing/seeded-random.ts'
import { OlderEpochError, TokenFormatError, TokenSizeError, UnknownLogError } from './errors.ts'
import { formatToken, mergeTokens, parseToken, readToken, type TokenPosition } from './token.ts'

const logId = 'aR4nd0mClusterId22char'
const at = (topic: string, partition: number, leaderEpoch: number, nextOffset: number) => ({
  ...{ topic, partition, leaderEpoch, nextOffset },
})

function token(...positions: readonly TokenPosition[]): string {
  return formatToken({ logId, positions })
}

describe('a consistency token', () => {
  it('says where a write stands, in a string for headers and cookies', () => {
    const position = at('orders', 3, 2, 9_007_199_254_740_991)

    const text = token(position)

    assert.match(text, /^m1\.[A-Za-z0-9_-]+$/)
    assert.deepEqual(parseToken(text), { logId, positions: [position] })
  })

  it('is short: a partition more takes a few bytes', () => {
    const many = Array.from({ length: 64 }, (_, partition) => at('orders', partition, 1, 1_000_000))

    assert.ok(token(at('orders', 0, 1, 1_000_000)).length < 60)
    assert.ok(token(...many).length < 600)
  })

  it('holds names of any characters, an engine without epochs, and no position at all', () => {
    const odd = at('bestellungen-ß', 0, -1, 0)

    assert.deepEqual(parseToken(token(odd)).positions, [odd])
    assert.deepEqual(parseToken(token()), { logId, positions: [] })
  })

  it('is the same string for the same positions', () => {
    const [one, two] = [at('a', 1, 0, 5), at('b', 0, 0, 7)]

    assert.equal(token(one, two), token(two, one))
  })

  it('is at most 1 KB', () => {
    const positions = Array.from({ length: 200 }, (_, partition) => at('orders', partition, 7, 2e9))

    assert.throws(() => token(...positions), TokenSizeError)
    const halves = [positions.slice(0, 80), positions.slice(80, 160)].map((half) => token(...half))
    assert.throws(() => mergeTokens(...(halves as [string, string])), { code: 'token-too-large' })
  })
})

describe('merged tokens', () => {
  it('ask for the greatest position of each partition', () => {
    const merged = mergeTokens(
      token(at('a', 0, 1, 5), at('a', 1, 1, 9)),
      token(at('a', 0, 1, 7), at('b', 0, 0, 1)),
      token(at('a', 1, 1, 2)),
    )

    assert.deepEqual(parseToken(merged).positions, [
      at('a', 0, 1, 7),
      at('a', 1, 1, 9),
      at('b', 0, 0, 1),
    ])
  })

  it('ask for the later leader epoch, whose offset may be lower', () => {
    const merged = mergeTokens(token(at('a', 0, 1, 50)), token(at('a', 0, 2, 40)))

    assert.deepEqual(parseToken(merged).positions, [at('a', 0, 2, 40)])
  })

  it('are the same in any order, merged once or again, for 200 seeds', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = new SeededRandom(seed)
      const below = (limit: number) => Math.floor(random.fraction() * limit)
      const tokens = Array.from({ length: 3 }, () => {
        const positions = Array.from({ length: 4 }, () => {
          return at(`t${below(2)}`, below(3), below(3) - 1, below(10))
        })
        return token(...positions)
      })
      const [a, b, c] = tokens as [string, string, string]

      assert.equal(mergeTokens(a, b, c), mergeTokens(c, b, a), `seed ${seed}`)
      assert.equal(mergeTokens(a, mergeTokens(b, c)), mergeTokens(mergeTokens(a, b), c))
      assert.equal(mergeTokens(a, a), a)
    }
  })

  it('are of one log', () => {
    const other = formatToken({ logId: 'another', positions: [] })

    assert.throws(
      () => mergeTokens(token(), other),
      (error) => {
        return error instanceof UnknownLogError && error.logId === 'another'
      },
    )
  })
})

describe('what is no token', () => {
  it('is refused as that, whatever it is', () => {
    const sound = token(at('orders', 3, 2, 100))
    const wrong = ['', 'm1.', 'm2.AAAA', sound.slice(3), `${sound}=`, `${sound} `, 'm1.gA']
    const long = `m1.${'A'.repeat(2000)}`

    for (const text of [...wrong, long]) {
      assert.throws(() => parseToken(text), TokenFormatError, text)
    }
    for (let length = 4; length < sound.length; length++) {
      // What is cut may still be one, but never about more than before.
      const cut = sound.slice(0, length)
      assert.throws(() => parseToken(cut), { code: 'token-malformed', retriable: false }, cut)
    }
  })

  it('never does harm, for 2,000 seeds', () => {
    for (let seed = 1; seed <= 2_000; seed++) {
      const random = new SeededRandom(seed)
      const bytes = random.bytes(1 + Math.floor(random.fraction() * 60))
      try {
        const { positions } = parseToken(`m1.${Buffer.from(bytes).toString('base64url')}`)
        for (const { nextOffset } of positions) assert.ok(Number.isSafeInteger(nextOffset))
      } catch (error) {
        assert.ok(error instanceof TokenFormatError, `seed ${seed}: ${error}`)
      }
    }
  })
})

describe('a token held against a log', () => {
  const log = {
    logId,
    leaderEpochOf: ({ topic }: { topic: string }) => (topic === 'orders' ? 2 : undefined),
  }

  it('is what has to be waited for', () => {
    assert.deepEqual(readToken(token(at('orders', 0, 2, 5)), log), [at('orders', 0, 2, 5)])
  })

  it('is refused when the log is another, or has no such partition', () => {
    const other = formatToken({ logId: 'another', positions: [] })

    assert.throws(() => readToken(other, log), UnknownLogError)
    assert.throws(() => readToken(token(at('bills', 0, 2, 5)), log), {
      code: 'token-unknown-log',
      message: `The token is about partition 0 of bills, which log ${logId} has not.`,
    })
  })

  it('is refused when the partition went on under a later leader epoch', () => {
    assert.throws(
      () => readToken(token(at('orders', 0, 1, 5)), log),
      (error) => {
        return (
          error instanceof OlderEpochError && error.leaderEpoch === 1 && error.currentEpoch === 2
        )
      },
    )
  })
})
