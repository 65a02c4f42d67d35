// Counts requests, by API. Called for each request, never for each record: an API's counters are made
// on its first one, and from then on counting allocates nothing.

import { errorName } from '../../wire/error-codes.ts'
import type { Fields } from '../../wire/field.ts'
import type { MetricReading } from './readings.ts'
import { Histogram } from './readings.ts'

/** Where a response has error codes: in itself, and in the elements of these arrays. */
export interface ErrorPlaces {
  readonly hasCode: boolean
  readonly arrays: readonly { readonly name: string; readonly places: ErrorPlaces }[]
}

export function errorPlacesOf(fields: Fields): ErrorPlaces {
  const arrays = Object.entries(fields).flatMap(([name, { kind, element }]) => {
    if (kind !== 'array' || typeof element !== 'object') return []
    const places = errorPlacesOf(element)
    return places.hasCode || places.arrays.length > 0 ? [{ name, places }] : []
  })
  return { hasCode: Object.hasOwn(fields, 'errorCode'), arrays }
}

class ApiCounters {
  readonly name: string
  readonly seconds = new Histogram()
  readonly errors = new Map<number, number>()
  count = 0
  bytesIn = 0
  bytesOut = 0

  constructor(name: string) {
    this.name = name
  }
}

export class RequestMetrics {
  /** By API key. */
  readonly #apis: ApiCounters[] = []
  #refused = 0

  answered(
    api: { readonly key: number; readonly name: string },
    ms: number,
    bytes: { in: number; out: number },
  ): void {
    const counters = this.#of(api)
    counters.count++
    counters.bytesIn += bytes.in
    counters.bytesOut += bytes.out
    counters.seconds.observeMs(ms)
  }

  refused(): void {
    this.#refused++
  }

  countErrors(
    api: { readonly key: number; readonly name: string },
    places: ErrorPlaces,
    response: object,
  ): void {
    if (places.hasCode) {
      const code: unknown = Reflect.get(response, 'errorCode')
      if (typeof code === 'number' && code !== 0) {
        const { errors } = this.#of(api)
        errors.set(code, (errors.get(code) ?? 0) + 1)
      }
    }
    for (const { name, places: inner } of places.arrays) {
      const elements: unknown = Reflect.get(response, name)
      if (!Array.isArray(elements)) continue
      for (const element of elements) this.countErrors(api, inner, element)
    }
  }

  *readings(): Generator<MetricReading> {
    for (const counters of this.#apis) {
      if (counters === undefined) continue
      const labels = { api: counters.name }
      yield { name: 'millrace_requests_total', labels, value: counters.count }
      yield { name: 'millrace_request_seconds', labels, value: counters.seconds.read() }
      yield { name: 'millrace_request_bytes_total', labels, value: counters.bytesIn }
      yield { name: 'millrace_response_bytes_total', labels, value: counters.bytesOut }
      for (const [code, value] of counters.errors) {
        const error = errorName(code)
        yield { name: 'millrace_request_errors_total', labels: { ...labels, error }, value }
      }
    }
    yield { name: 'millrace_requests_refused_total', labels: {}, value: this.#refused }
  }

  #of({ key, name }: { readonly key: number; readonly name: string }): ApiCounters {
    let counters = this.#apis[key]
    if (counters === undefined) {
      counters = new ApiCounters(name)
      this.#apis[key] = counters
    }
    return counters
  }
}
