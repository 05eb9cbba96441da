import type { MetricFamily } from '../../telemetry/metric.ts'

/** The bundle beside this one, or the source when run from source. */
const entry = new URL(import.meta.url.endsWith('.ts') ? './open-telemetry.ts' : './opentelemetry.cjs', import.meta.url)

/** The symbol under which `@opentelemetry/api` 1.x stores what an SDK registers; all its copies share it. */
const registryKey = Symbol.for('opentelemetry.js.api.1')

/**
 * Gives all metrics to the OpenTelemetry SDK of the process, when one has registered its meter provider by now, e.g. in a
 * file that `node --import` loads. Otherwise nothing is loaded.
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
