import type { MetricSpec } from './metric.ts'

const unitNames: Readonly<Record<string, string>> = { s: 'seconds', By: 'bytes' }

/**
 * Prometheus' name of a metric: `scoring.queue.wait` in seconds is `scoring_queue_wait_seconds`; units in braces are left
 * out. (OpenTelemetry, "Prometheus and OpenMetrics compatibility", metric metadata)
 */
export function prometheusName({ kind, name, unit }: MetricSpec & { readonly kind: string }): string {
  const unitName = unit === '1' && kind === 'gauge' ? 'ratio' : unitNames[unit]
  const parts = [prometheusLabel(name), unitName, kind === 'counter' ? 'total' : undefined]
  return parts.filter(part => part !== undefined).join('_')
}

/** An attribute's name as a label: `scoring.service` is `scoring_service`. */
export function prometheusLabel(name: string): string {
  return name.replace(/[^a-zA-Z0-9_]/g, '_')
}
