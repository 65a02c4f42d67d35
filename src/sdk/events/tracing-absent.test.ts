// A process of its own: the resolver must fail from the first time that the API is asked for.
import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { it } from 'node:test'
import { loadTracing } from './tracing.ts'

const options = { system: 'kafka', optIn: undefined }
let code = 'ERR_MODULE_NOT_FOUND'

registerHooks({
  resolve(specifier, context, next) {
    if (specifier !== '@opentelemetry/api') return next(specifier, context)
    throw Object.assign(new Error(`Cannot find package ${specifier}`), { code })
  },
})

it('an application without the API of OpenTelemetry has no tracing, and nothing else is missing', async () => {
  assert.equal(await loadTracing(options), undefined)
})

it('an API that is there and cannot be loaded is told, not taken for missing', async () => {
  code = 'ERR_INVALID_PACKAGE_CONFIG'

  await assert.rejects(loadTracing(options), { code })
})
