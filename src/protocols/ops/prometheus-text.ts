/** Encodes Prometheus' text format 0.0.4. (prometheus.io, "Exposition formats", text-based format) */
import {
  type Attributes,
  type Histogram,
  HistogramFamily,
  type MetricFamily,
  type MetricSpec,
} from '../../telemetry/metric.ts'

export const prometheusMediaType = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * Encodes metrics.
 *
 * @param isShown  decides by its attributes whether a series is written
 * @returns lines, each with a line end; metrics without series are left out
 */
export function encodePrometheus(
  families: readonly MetricFamily[],
  isShown: (attributes: Attributes) => boolean = () => true,
): string {
  let text = ''
  for (const family of families) {
    const name = prometheusName(family.spec)
    const lines =
      family instanceof HistogramFamily
        ? family.series.filter(({ attributes }) => isShown(attributes)).map(series => encodeHistogram(name, series))
        : family
            .read()
            .filter(({ attributes }) => isShown(attributes))
            .map(({ attributes, value }) => encodeSample(name, attributes, value))
    if (lines.length === 0) continue
    text += `# HELP ${name} ${escapeHelp(family.spec.help)}\n# TYPE ${name} ${family.spec.kind}\n${lines.join('')}`
  }
  return text
}

/** Encodes cumulative buckets, sum and count. */
function encodeHistogram(name: string, { attributes, bounds, counts, sum }: Histogram): string {
  let text = ''
  let count = 0
  for (const [bucket, inBucket] of counts.entries()) {
    count += inBucket
    const le = encodeNumber(bounds[bucket] ?? Number.POSITIVE_INFINITY)
    text += encodeSample(`${name}_bucket`, { ...attributes, le }, count)
  }
  return text + encodeSample(`${name}_sum`, attributes, sum) + encodeSample(`${name}_count`, attributes, count)
}

function encodeSample(name: string, attributes: Attributes, value: number): string {
  const labels = Object.entries(attributes).map(
    ([key, text]) => `${prometheusLabel(key)}="${escapeLabel(String(text))}"`,
  )
  return `${name}${labels.length > 0 ? `{${labels.join(',')}}` : ''} ${encodeNumber(value)}\n`
}

/** Writes a number for Go's ParseFloat, which reads all but JavaScript's infinities. */
function encodeNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"')
}

const unitNames: Readonly<Record<string, string>> = { s: 'seconds', By: 'bytes' }

/**
 * Returns the Prometheus name of a metric: `scoring.queue.wait` in seconds is `scoring_queue_wait_seconds`; units in braces are left
 * out. (OpenTelemetry, "Prometheus and OpenMetrics compatibility", metric metadata)
 */
export function prometheusName({ kind, name, unit }: MetricSpec & { readonly kind: string }): string {
  const unitName = unit === '1' && kind === 'gauge' ? 'ratio' : unitNames[unit]
  const parts = [prometheusLabel(name), unitName, kind === 'counter' ? 'total' : undefined]
  return parts.filter(part => part !== undefined).join('_')
}

/** Returns the label of an attribute: `scoring.service` is `scoring_service`. */
export function prometheusLabel(name: string): string {
  return name.replace(/[^a-zA-Z0-9_]/g, '_')
}
