/** This file needs OpenTelemetry's API and SDK. It is a bundle of its own, so that a start without them does not read its code. */
import { createNoopMeter, metrics, trace } from '@opentelemetry/api'
import type { ExportPlan } from './export-plan.ts'
import { forwardMetric } from './forward-metrics.ts'
import type { OpenTelemetry } from './load-open-telemetry.ts'
import { describeProcess, startExport } from './otlp-export.ts'
import { SpanRecorder } from './span-recorder.ts'

const scope = 'scoring-functions'

/** The worker of Azure Functions has 5 s to end (WorkerConstants.WorkerTerminateGracePeriodInSeconds), and drains before. */
const maxStopMs = 2000

interface Opening {
  /** undefined: an SDK has registered itself, and exports what it likes. */
  readonly plan: ExportPlan | undefined
  readonly environment: NodeJS.ProcessEnv
  readonly version: string
  /** What an SDK has registered, and the version of its API. */
  readonly registry: { readonly version?: string; readonly trace?: unknown } | undefined
  readonly log: (line: string) => void
}

/** Uses the providers that are registered in the process, after it has registered those that export, if they are to. */
export function openTelemetry({ plan, environment, version, registry, log }: Opening): OpenTelemetry {
  const end = plan ? startExport(plan, describeProcess(environment, version), log) : async () => {}
  const meter = metrics.getMeter(scope, version)
  const hasMeter = meter !== createNoopMeter()
  // An API that does not fit gives a provider of its own, whose spans nobody gets.
  const hasTracer = plan ? plan.traces : registry?.trace !== undefined && trace.getTracerProvider() === registry.trace
  if (!plan && !hasMeter && !hasTracer) {
    log(`metrics and spans do not reach OpenTelemetry: its API ${registry?.version} does not fit the one of this app`)
  }
  return {
    tracing: hasTracer ? new SpanRecorder(trace.getTracer(scope, version)) : undefined,
    forwardMetrics: families => {
      if (hasMeter) for (const family of families) forwardMetric(meter, family)
    },
    stop: () => withinMs(end(), maxStopMs),
  }
}

async function withinMs(work: Promise<void>, ms: number): Promise<void> {
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, ms)
  await Promise.race([work, over])
  clearTimeout(timer)
}
