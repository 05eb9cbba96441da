import assert from 'node:assert/strict'
import { describe, it, test } from 'vitest'
import { planExport } from '../../src/adapters/opentelemetry/export-plan.ts'

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }
const refuse = (line: string) => assert.fail(line)

describe('planExport', () => {
  it('exports nothing unless an endpoint is set', () => {
    assert.equal(planExport({}, refuse), undefined)
    assert.equal(planExport({ OTEL_TRACES_EXPORTER: 'otlp' }, refuse), undefined)
  })

  test.each([
    ['both', endpoint, { traces: true, metrics: true, metricIntervalMs: 60_000 }],
    ['traces alone', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://c/v1/traces' }, { traces: true, metrics: false }],
    ['what is not none', { ...endpoint, OTEL_METRICS_EXPORTER: 'none' }, { traces: true, metrics: false }],
    ['metrics as often as is set', { ...endpoint, OTEL_METRIC_EXPORT_INTERVAL: '5000' }, { metricIntervalMs: 5000 }],
  ])('exports %s', (_, environment, expected) => {
    assert.partialDeepStrictEqual(planExport(environment, refuse), expected)
  })

  test.each([
    ['OTEL_SDK_DISABLED', { ...endpoint, OTEL_SDK_DISABLED: 'true' }],
    ['none', { ...endpoint, OTEL_TRACES_EXPORTER: 'none', OTEL_METRICS_EXPORTER: 'none' }],
  ])('exports nothing with %s', (_, environment) => {
    assert.equal(planExport(environment, refuse), undefined)
  })

  test.each([
    ['a protocol that it has not', { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /OTEL_EXPORTER_OTLP_PROTOCOL is "grpc"/],
    ['an exporter that it has not', { OTEL_TRACES_EXPORTER: 'zipkin' }, /OTEL_TRACES_EXPORTER is "zipkin"/],
    ['an endpoint that is no URL', { OTEL_EXPORTER_OTLP_ENDPOINT: 'user:secret@collector' }, /must be a URL such as/],
  ])('says that it does not follow %s', (_, wrong, expected) => {
    const lines: string[] = []
    planExport({ ...endpoint, OTEL_METRICS_EXPORTER: 'none', ...wrong }, line => lines.push(line))
    assert.equal(lines.length, 1)
    assert.match(lines[0] as string, expected)
    assert.doesNotMatch(lines[0] as string, /secret/)
  })
})
