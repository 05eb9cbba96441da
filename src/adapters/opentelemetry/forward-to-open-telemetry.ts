import type { MetricFamily } from '../../telemetry/metric.ts'

/** The bundle beside this one, or the source when run from source. */
const entry = new URL(import.meta.url.endsWith('.ts') ? './open-telemetry.ts' : './opentelemetry.cjs', import.meta.url)

/** Where `@opentelemetry/api` 1.x keeps what an SDK registers; any copy of it finds the same. */
const registryKey = Symbol.for('opentelemetry.js.api.1')

/**
 * Gives all metrics to the OpenTelemetry SDK of the process, when one has registered its meter provider by now, e.g. in a
 * file that `node --import` loads. Else nothing is loaded, and nothing costs anything.
 */
export async function forwardToOpenTelemetry(
  families: readonly MetricFamily[],
  log: (line: string) => void,
): Promise<void> {
  const registry = (globalThis as { [registryKey]?: { version?: string; metrics?: unknown } })[registryKey]
  if (registry?.metrics === undefined) return
  const { forwardMetrics } = (await import(entry.href)) as typeof import('./open-telemetry.ts')
  if (!forwardMetrics(families))
    log(`metrics do not reach OpenTelemetry: its API ${registry.version} does not fit the one of this app`)
}
