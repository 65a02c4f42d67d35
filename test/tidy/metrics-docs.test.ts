// docs/metrics.md and the table of metrics say the same: each metric has its row, each row its metric.
// That a broker reads every metric of the table is tested beside it (metrics.test.ts).
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { metricsDocsPath, renderMetricsDocs } from '../../scripts/metrics-docs.ts'

describe('docs/metrics.md', () => {
  it('is what the table of metrics says', () => {
    const written = readFileSync(metricsDocsPath, 'utf8')

    assert.equal(written, renderMetricsDocs(), 'run: node scripts/metrics-docs.ts')
  })
})
