import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { toStandardJsonSchema } from '@valibot/to-json-schema'
import { type } from 'arktype'
import * as v from 'valibot'
import { z } from 'zod'
import { DefinitionError } from './errors.ts'
import { event } from './event.ts'
import { type Schema, validate } from './schema.ts'
import { versions } from './versions.ts'

const libraries: Record<string, Schema> = {
  zod: z.object({ orderId: z.string(), items: z.array(z.object({ price: z.number() })) }),
  valibot: toStandardJsonSchema(
    v.object({ orderId: v.string(), items: v.array(v.object({ price: v.number() })) }),
  ),
  arktype: type({ orderId: 'string', items: type({ price: 'number' }).array() }),
}

for (const [library, schema] of Object.entries(libraries)) {
  describe(`a schema of ${library}`, () => {
    it('gives JSON Schema when the event is defined', () => {
      const [version] = event('shop.OrderPlaced', schema).versions

      const { type, properties, required } = version!.jsonSchema as {
        type: string
        properties: object
        required: string[]
      }
      assert.equal(type, 'object')
      assert.deepEqual(Object.keys(properties).toSorted(), ['items', 'orderId'])
      assert.deepEqual(required.toSorted(), ['items', 'orderId'])
    })

    it('takes what fits and names the path of what does not', () => {
      const fits = validate(schema, { orderId: '1', items: [{ price: 5 }] })
      const unfit = validate(schema, { orderId: '1', items: [{ price: 5 }, { price: 'five' }] })

      assert.deepEqual(fits, { kind: 'valid', output: { orderId: '1', items: [{ price: 5 }] } })
      assert.ok(unfit.kind === 'invalid')
      assert.equal(unfit.issues[0]?.path, 'items[1].price')
    })
  })
}

describe('a schema that is refused when the event is defined', () => {
  it('one that takes what JSON has not, with what to write instead', () => {
    for (const schema of [
      z.object({ at: z.coerce.date() }),
      z.object({ at: z.date() }),
      z.object({ n: z.bigint() }),
      type({ at: 'Date' }),
      type({ n: 'bigint' }),
      type({ n: type.instanceOf(Map) }),
      toStandardJsonSchema(v.object({ at: v.date() })),
    ]) {
      const error = definitionError(() => event('shop.OrderPlaced', schema))

      assert.match(error.message, /^The schema of shop\.OrderPlaced has no JSON Schema/)
      assert.match(error.message, /z\.iso\.datetime\(\)/)
    }
  })

  it('not one that narrows or changes what it takes', () => {
    const schemas = [
      z.object({ n: z.string().transform(Number), m: z.number().refine((n) => n > 0) }),
      type({ n: 'string.numeric.parse', m: type('number').narrow((n) => n > 0), 'o?': 'unknown' }),
    ]

    for (const schema of schemas) {
      assert.equal(event('shop.OrderPlaced', schema).versions.length, 1)
    }
  })

  it('one without JSON Schema, with where to get it', () => {
    const error = definitionError(() =>
      event('shop.OrderPlaced', v.object({ orderId: v.string() })),
    )

    assert.match(error.message, /toStandardJsonSchema\(\) of @valibot\/to-json-schema/)
  })

  it('something that is no schema, or not yet one', () => {
    const error = definitionError(() => event('shop.OrderPlaced', {} as never))
    const early = definitionError(() => event('shop.OrderPlaced', undefined as never))

    assert.match(error.message, /zod, valibot, arktype/)
    assert.match(early.message, /is undefined: do two modules import each other\?/)
  })

  it('any of several versions, named like the event', () => {
    const old = z.object({ at: z.date() })
    const fixed = z.object({ at: z.iso.datetime() })

    assert.throws(
      () =>
        event(
          'shop.OrderPlaced',
          versions(old).next(fixed, ({ at }) => ({ at: String(at) })),
        ),
      DefinitionError,
    )
  })
})

describe('validation', () => {
  it('refuses an asynchronous schema with a plain sentence', () => {
    const asynchronous = z.string().refine(async () => true)

    const validation = validate(asynchronous, 'x')

    assert.ok(validation.kind === 'invalid')
    assert.match(validation.issues[0]!.message, /^the schema is asynchronous/)
  })

  it('takes what a schema throws for an issue', () => {
    const throwing = v.pipe(
      v.string(),
      v.transform(() => {
        throw new RangeError('not today')
      }),
    )

    const validation = validate(throwing, 'x')

    assert.ok(validation.kind === 'invalid')
    assert.match(validation.issues[0]!.message, /not today/)
    assert.ok(validation.cause instanceof RangeError)
  })

  it('tells no more issues than anybody reads', () => {
    const validation = validate(z.array(z.number()), Array(5000).fill('x'))

    assert.ok(validation.kind === 'invalid')
    assert.equal(validation.issues.length, 100)
  })
})

function definitionError(define: () => unknown): DefinitionError {
  try {
    define()
  } catch (error) {
    assert.ok(error instanceof DefinitionError, String(error))
    return error
  }
  assert.fail('it was taken')
}
