import type { MetricFamily } from '../../telemetry/metric.ts'
import type { Tracing } from '../../telemetry/tracing.ts'
import { planExport } from './export-plan.ts'

/** The bundle beside this one, or the source when run from source. */
const entry = new URL(import.meta.url.endsWith('.ts') ? './open-telemetry.ts' : './opentelemetry.cjs', import.meta.url)

/** The symbol under which `@opentelemetry/api` 1.x stores what an SDK registers; all its copies share it. */
const registryKey = Symbol.for('opentelemetry.js.api.1')

/** Takes the metrics and spans of this process. */
export interface OpenTelemetry {
  /** undefined: nothing takes spans. */
  readonly tracing: Tracing | undefined
  /** Gives it every metric, if something takes them. */
  forwardMetrics(families: readonly MetricFamily[]): void
  /** Sends what is left, where this app exports it. */
  stop(): Promise<void>
}

/**
 * Loads OpenTelemetry where something takes what it gives: an SDK that has registered its providers by now, e.g. in a file that
 * `node --import` loads, or else a collector that `OTEL_EXPORTER_OTLP_ENDPOINT` names. Otherwise nothing is loaded.
 *
 * @param version  of the app
 */
export async function loadOpenTelemetry(
  environment: NodeJS.ProcessEnv,
  version: string,
  log: (line: string) => void,
): Promise<OpenTelemetry | undefined> {
  const registry = (globalThis as { [registryKey]?: { version?: string; metrics?: unknown; trace?: unknown } })[
    registryKey
  ]
  const isRegistered = registry?.metrics !== undefined || registry?.trace !== undefined
  const plan = isRegistered ? undefined : planExport(environment, log)
  if (!isRegistered && !plan) return undefined
  const { openTelemetry } = (await import(entry.href)) as typeof import('./open-telemetry.ts')
  return openTelemetry({ plan, environment, version, log, registry })
}
