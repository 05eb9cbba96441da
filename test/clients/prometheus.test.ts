import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { encodePrometheus } from '../../src/protocols/ops/prometheus-text.ts'
import { counterOf, gaugeOf, requestDurations } from '../support/metric-families.ts'
import { pythonWith } from '../support/python.ts'
import { run } from './tools.ts'

const parser = `
import json, sys
from prometheus_client.parser import text_string_to_metric_families
text = open(sys.argv[1], encoding="utf-8", newline="").read()
print(json.dumps([[f.name, f.type, f.documentation, [[s.name, s.labels, s.value] for s in f.samples]]
                  for f in text_string_to_metric_families(text)]))
`

describe('encodePrometheus, read by prometheus_client', () => {
  it('is read back exactly', async test => {
    const found = await pythonWith(join(import.meta.dirname, 'python/prometheus-requirements.txt'))
    if ('missing' in found) return test.skip(found.missing)
    const folder = await mkdtemp(join(tmpdir(), 'prometheus-'))
    test.onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 9 }))
    const odd = { service: 'ä "quoted" \\n \\ and\nline,}{=', code: 200 }
    const page = join(folder, 'page.txt')
    const text = encodePrometheus([
      requestDurations(),
      counterOf('scoring.requests', 'with \\ and\nline end', [[odd, 12345678901234]]),
      gaugeOf('tiny', 'help', {}, 5e-324),
    ])
    await writeFile(page, text)
    const { stdout, stderr } = await run(found.python, '-c', parser, page)
    const [histogram, counter, gauge] = JSON.parse(stdout || `{}${stderr}`)
    assert.deepEqual(histogram.slice(0, 2), ['http_request_duration_seconds', 'histogram'])
    assert.deepEqual(
      histogram[3].map(([name, { le }, value]: [string, { le?: string }, number]) => [name.slice(30), le, value]),
      [
        ['bucket', '0.05', 24054],
        ['bucket', '0.1', 33444],
        ['bucket', '0.2', 100392],
        ['bucket', '0.5', 129389],
        ['bucket', '1', 133988],
        ['bucket', '+Inf', 144320],
        ['sum', undefined, 53423],
        ['count', undefined, 144320],
      ],
    )
    assert.deepEqual(counter, [
      'scoring_requests',
      'counter',
      'with \\ and\nline end',
      [['scoring_requests_total', { ...odd, code: '200' }, 12345678901234]],
    ])
    assert.deepEqual(gauge[3], [['tiny', {}, 5e-324]])
  })
})
