/** What OpenTelemetry's own variables say of exporters ("OpenTelemetry Environment Variable Specification"). */

export interface ExportPlan {
  readonly traces: boolean
  readonly metrics: boolean
  readonly metricIntervalMs: number
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * @param log  receives a line for a setting that cannot be followed; what it is about is not exported then
 * @returns undefined when nothing is to be exported, as is the default
 */
export function planExport(environment: Environment, log: (line: string) => void): ExportPlan | undefined {
  if (environment.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return undefined
  const traces = isExported(environment, 'TRACES', log)
  const metrics = isExported(environment, 'METRICS', log)
  if (!traces && !metrics) return undefined
  const interval = Number(environment.OTEL_METRIC_EXPORT_INTERVAL)
  return { traces, metrics, metricIntervalMs: interval > 0 ? interval : 60_000 }
}

function isExported(environment: Environment, signal: 'TRACES' | 'METRICS', log: (line: string) => void): boolean {
  const endpoint =
    environment[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`] || environment.OTEL_EXPORTER_OTLP_ENDPOINT || undefined
  const exporters = (environment[`OTEL_${signal}_EXPORTER`] || 'otlp').split(',').map(name => name.trim().toLowerCase())
  // By the specification the endpoint is http://localhost:4318 unless one is set: then this app would always export.
  if (endpoint === undefined || exporters.includes('none')) return false
  const refuse = (what: string): false => {
    log(`OpenTelemetry: ${signal.toLowerCase()} are not exported: ${what}`)
    return false
  }
  if (!exporters.includes('otlp')) {
    return refuse(`OTEL_${signal}_EXPORTER is "${exporters.join(',')}"; this app has otlp, or none`)
  }
  const protocolName = `OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`
  const name = environment[protocolName] ? protocolName : 'OTEL_EXPORTER_OTLP_PROTOCOL'
  const protocol = environment[name] || 'http/protobuf'
  if (protocol !== 'http/protobuf') return refuse(`${name} is "${protocol}"; this app sends http/protobuf`)
  if (!/^https?:$/.test(URL.parse(endpoint)?.protocol ?? '')) {
    return refuse('the endpoint must be a URL such as http://localhost:4318') // it may hold a password
  }
  return true
}
