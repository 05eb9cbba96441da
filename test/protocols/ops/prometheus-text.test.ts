import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { encodePrometheus } from '../../../src/protocols/ops/prometheus-text.ts'
import { counterOf, gaugeOf, requestDurations } from '../../support/metric-families.ts'

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
