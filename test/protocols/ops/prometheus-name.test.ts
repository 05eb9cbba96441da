import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { prometheusLabel, prometheusName } from '../../../src/protocols/ops/prometheus-text.ts'
import { metric } from '../../../src/telemetry/metric-names.ts'

describe('prometheusName', () => {
  // Examples of the OpenTelemetry Collector's documentation (pkg/translator/prometheus).
  const examples: [string, string, 'counter' | 'gauge', string][] = [
    ['system.filesystem.usage', 'By', 'gauge', 'system_filesystem_usage_bytes'],
    ['system.network.dropped', '{packets}', 'gauge', 'system_network_dropped'],
    ['system.processes.created', '{processes}', 'counter', 'system_processes_created_total'],
    ['system.memory.utilization', '1', 'gauge', 'system_memory_utilization_ratio'],
  ]
  it.for(examples)('converts %s in %s, a %s, to %s', ([name, unit, kind, expected]) => {
    assert.equal(prometheusName({ kind, name, unit, help: '' }), expected)
  })

  it('is valid and unique for every metric', () => {
    const names = Object.values(metric).map(prometheusName)
    for (const name of names) assert.match(name, /^[a-zA-Z_:][a-zA-Z0-9_:]*$/)
    assert.equal(new Set(names).size, names.length)
  })
})

describe('prometheusLabel', () => {
  it('has no dots', () => assert.equal(prometheusLabel('http.response.status_code'), 'http_response_status_code'))
})
