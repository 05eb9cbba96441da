import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { encodePrometheus } from '../../../src/protocols/ops/prometheus-text.ts'
import { type Attributes, CounterFamily, HistogramFamily, ObservedFamily } from '../../../src/telemetry/metric.ts'
import { run } from '../../clients/tools.ts'
import { pythonWith } from '../../support/python.ts'

const counterOf = (name: string, help: string, samples: [Attributes, number][]) => {
  const family = new CounterFamily({ kind: 'counter', name, unit: '{request}', help })
  for (const [attributes, value] of samples) family.add(attributes).add(value)
  return family
}
const gaugeOf = (name: string, help: string, attributes: Attributes, value: number) =>
  new ObservedFamily({ kind: 'gauge', name, unit: '', help }, () => [{ attributes, value }])

/** The histogram that the format's description shows: its cumulative counts are 24054, 33444, 100392, 129389, 133988, 144320. */
function requestDurations(): HistogramFamily {
  const family = new HistogramFamily({
    kind: 'histogram',
    name: 'http_request_duration',
    unit: 's',
    help: 'A histogram of the request duration.',
    bounds: [0.05, 0.1, 0.2, 0.5, 1],
  })
  const series = family.add({})
  for (const [bucket, count] of [24054, 9390, 66948, 28997, 4599, 10332].entries()) series.counts[bucket] = count
  series.sum = 53423
  return family
}

describe('encodePrometheus', () => {
  // The examples are those of prometheus.io, "Exposition formats", "Text format example", without time stamps.
  it('writes counters with their labels', () => {
    const family = counterOf('http.requests', 'The total number of HTTP requests.', [
      [{ method: 'post', code: 200 }, 1027],
      [{ method: 'post', code: 400 }, 3],
    ])
    assert.equal(
      encodePrometheus([family]),
      `# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027
http_requests_total{method="post",code="400"} 3
`,
    )
  })

  it('escapes backslashes, quotes and line ends in labels, and the first and last in help', () => {
    const attributes = { path: 'C:\\DIR\\FILE.TXT', error: 'Cannot find file:\n"FILE.TXT"' }
    const text = encodePrometheus([gaugeOf('msdos_file_access_time', 'one\ntwo "three" \\', attributes, 1.458255915e9)])
    assert.equal(
      text,
      `# HELP msdos_file_access_time one\\ntwo "three" \\\\
# TYPE msdos_file_access_time gauge
msdos_file_access_time{path="C:\\\\DIR\\\\FILE.TXT",error="Cannot find file:\\n\\"FILE.TXT\\""} 1458255915
`,
    )
  })

  it('writes histograms as cumulative buckets, sum and count', () => {
    assert.equal(
      encodePrometheus([requestDurations()]),
      `# HELP http_request_duration_seconds A histogram of the request duration.
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.05"} 24054
http_request_duration_seconds_bucket{le="0.1"} 33444
http_request_duration_seconds_bucket{le="0.2"} 100392
http_request_duration_seconds_bucket{le="0.5"} 129389
http_request_duration_seconds_bucket{le="1"} 133988
http_request_duration_seconds_bucket{le="+Inf"} 144320
http_request_duration_seconds_sum 53423
http_request_duration_seconds_count 144320
`,
    )
  })

  it('writes infinities as Go reads them', () => {
    const text = encodePrometheus([
      gaugeOf('up', '', {}, Number.POSITIVE_INFINITY),
      gaugeOf('down', '', {}, Number.NEGATIVE_INFINITY),
    ])
    assert.match(text, /^up \+Inf$/m)
    assert.match(text, /^down -Inf$/m)
  })

  it('omits hidden series, and metrics without series', () => {
    const family = counterOf('a', '', [
      [{ of: 'x' }, 1],
      [{ of: 'y' }, 2],
    ])
    assert.doesNotMatch(
      encodePrometheus([family], ({ of }) => of === 'y'),
      /of="x"/,
    )
    assert.equal(
      encodePrometheus([family], () => false),
      '',
    )
  })
})

const parser = `
import json, sys
from prometheus_client.parser import text_string_to_metric_families
text = open(sys.argv[1], encoding="utf-8", newline="").read()
print(json.dumps([[f.name, f.type, f.documentation, [[s.name, s.labels, s.value] for s in f.samples]]
                  for f in text_string_to_metric_families(text)]))
`

describe('encodePrometheus, read by prometheus_client', () => {
  it('is read back exactly', async test => {
    const found = await pythonWith(join(import.meta.dirname, 'prometheus-requirements.txt'))
    if ('missing' in found) return test.skip(found.missing)
    const folder = await mkdtemp(join(tmpdir(), 'prometheus-'))
    test.onTestFinished(() => rm(folder, { recursive: true, force: true }))
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
