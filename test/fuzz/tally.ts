// What became of the frames: how deep they came, by where they came from, and which APIs answered.
// An answer is decoded as well: a broker that answers nonsense to a bad frame has a bug too.
import { DecodeError } from '../../src/broker/bytes/reader.ts'
import { apiTable } from '../../src/broker/protocol/api-table.ts'
import { decodeResponse } from '../../src/broker/protocol/frames.ts'
import { ApiKey } from '../../src/broker/wire/api-keys.ts'
import type { Outcome } from './bad-client.ts'
import type { Depth, FuzzFrame } from './frame-source.ts'

interface Row {
  sent: number
  header: number
  body: number
  answered: number
  withoutError: number
  closed: number
  silent: number
}

const MAX_MALFORMED = 5

export class Tally {
  readonly #rows = new Map<string, Row>()
  readonly #answersByApi: Map<number, number>
  /** Answers that our own codec does not understand, with their requests; the first few. */
  readonly malformedAnswers: string[] = []

  constructor(servedApiKeys: readonly number[]) {
    this.#answersByApi = new Map(servedApiKeys.map((apiKey) => [apiKey, 0]))
  }

  count(frame: FuzzFrame, depth: Depth, outcome: Outcome): void {
    const isAnswered = outcome.kind === 'answered'
    const isWithoutError = isAnswered && this.#readAnswer(frame.bytes, outcome.frame)
    const name = `${frame.origin}${frame.isMutated ? ', mutated' : ''}`
    for (const row of [this.#row(name), this.#row('all')]) {
      row.sent++
      if (depth !== 'nothing') row.header++
      if (depth === 'body') row.body++
      row[outcome.kind]++
      if (isWithoutError) row.withoutError++
    }
  }

  apisNeverAnswered(): string[] {
    return [...this.#answersByApi]
      .filter(([, count]) => count === 0)
      .map(([apiKey]) => apiTable.get(apiKey)?.name ?? String(apiKey))
  }

  table(): string {
    const columns = ['sent', 'past header', 'past body', 'answered', 'no error', 'closed', 'silent']
    const lines = [...this.#rows]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, row]) => {
        const { sent, header, body, answered, withoutError, closed, silent } = row
        const shares = [header, body, answered, withoutError, closed, silent].map(
          (count) => `${((100 * count) / sent).toFixed(1)} %`,
        )
        return line(name, [String(sent), ...shares])
      })
    const leastReached = [...this.#answersByApi].sort(([, a], [, b]) => a - b)[0]
    const [apiKey, count] = leastReached ?? [-1, 0]
    const name = apiTable.get(apiKey)?.name
    lines.push(`${this.#answersByApi.size} handlers; least often answered: ${name}, ${count} times`)
    return [line('frames', columns), ...lines].join('\n')
  }

  /** @returns whether no field of the answer names an error */
  #readAnswer(request: Buffer, answer: Buffer): boolean {
    const apiKey = request.readInt16BE(0)
    const version = request.readInt16BE(2)
    const api = apiTable.get(apiKey)
    const count = this.#answersByApi.get(apiKey)
    if (api === undefined || count === undefined) {
      this.#complain('an API that is not served was answered', request)
      return false
    }
    this.#answersByApi.set(apiKey, count + 1)
    // KIP-511: an ApiVersions request of an unknown version is answered in version 0.
    const isKnown = api.response.has(version) || apiKey !== ApiKey.API_VERSIONS
    try {
      const { correlationId, body } = decodeResponse(api, isKnown ? version : 0, answer)
      if (correlationId !== request.readInt32BE(4)) this.#complain('correlation id', request)
      return !namesError(body)
    } catch (error) {
      if (!(error instanceof DecodeError || error instanceof RangeError)) throw error
      this.#complain(error.message, request)
      return false
    }
  }

  #complain(what: string, request: Buffer): void {
    if (this.malformedAnswers.length >= MAX_MALFORMED) return
    this.malformedAnswers.push(`${what}: ${request.subarray(0, 500).toString('hex')}`)
  }

  #row(name: string): Row {
    const known = this.#rows.get(name)
    if (known !== undefined) return known
    const row = { sent: 0, header: 0, body: 0, answered: 0, withoutError: 0, closed: 0, silent: 0 }
    this.#rows.set(name, row)
    return row
  }
}

function line(name: string, cells: readonly string[]): string {
  return name.padEnd(20) + cells.map((cell) => cell.padStart(12)).join('')
}

function namesError(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(namesError)
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return false
  return Object.entries(value).some(([name, field]) =>
    name === 'errorCode' ? field !== 0 : namesError(field),
  )
}
