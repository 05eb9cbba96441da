/** Sends metrics and spans to a collector, by OTLP over HTTP as protobuf. OpenTelemetry's own variables set what is sent where. */
import { randomUUID } from 'node:crypto'
import { DiagLogLevel, diag, metrics, trace } from '@opentelemetry/api'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { detectResources, envDetector, type Resource, resourceFromAttributes } from '@opentelemetry/resources'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { ExportPlan } from './export-plan.ts'

/** A failure of the collector is logged again after this long. */
const repeatAfterMs = 600_000

/**
 * Registers providers for the process.
 *
 * @param resource  what sends it
 * @returns what sends the rest, and ends
 */
export function startExport(plan: ExportPlan, resource: Resource, log: (line: string) => void): () => Promise<void> {
  logFailures(log)
  const providers: { shutdown(): Promise<void> }[] = []
  if (plan.traces) {
    const provider = new BasicTracerProvider({
      resource,
      spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
    })
    trace.setGlobalTracerProvider(provider)
    providers.push(provider)
  }
  if (plan.metrics) {
    const exportIntervalMillis = plan.metricIntervalMs
    const exportTimeoutMillis = Math.min(30_000, exportIntervalMillis)
    const reader = new PeriodicExportingMetricReader({
      exporter: new OTLPMetricExporter(),
      exportIntervalMillis,
      exportTimeoutMillis,
    })
    const provider = new MeterProvider({ resource, readers: [reader] })
    metrics.setGlobalMeterProvider(provider)
    providers.push(provider)
  }
  return async () => {
    await Promise.allSettled(providers.map(provider => provider.shutdown()))
  }
}

/**
 * The resource as the host of Azure Functions describes itself, so that what both send belongs together.
 *
 * @param version  of the app
 */
export function describeProcess(environment: NodeJS.ProcessEnv, version: string): Resource {
  const { WEBSITE_SITE_NAME: site, REGION_NAME: region, WEBSITE_INSTANCE_ID: instance } = environment
  const inAzure = site === undefined ? {} : { 'cloud.provider': 'azure', 'cloud.platform': 'azure.functions' }
  return resourceFromAttributes({
    'service.name': site ?? 'scoring-functions',
    'service.version': version,
    'service.instance.id': randomUUID(),
    ...inAzure,
    ...(region !== undefined && { 'cloud.region': region }),
    ...(instance !== undefined && { 'faas.instance': instance }),
  }).merge(detectResources({ detectors: [envDetector] }))
}

/** What the SDK tells of failures goes to the log, each message once in a while: a collector that is down fails every few seconds. */
function logFailures(log: (line: string) => void): void {
  const toldAt = new Map<string, number>()
  const tell = (message: string) => {
    const line = readMessage(message)
    const now = performance.now()
    if (now - (toldAt.get(line) ?? Number.NEGATIVE_INFINITY) < repeatAfterMs) return
    if (toldAt.size > 100) toldAt.clear()
    toldAt.set(line, now)
    log(`OpenTelemetry: ${line}`)
  }
  const ignore = () => {}
  const logger = { error: tell, warn: tell, info: ignore, debug: ignore, verbose: ignore }
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
}

/** The SDK writes an error as JSON, with its stack. */
function readMessage(text: string): string {
  try {
    const { name, message } = JSON.parse(text) as { name?: string; message?: string }
    return message || name || 'telemetry is not exported'
  } catch {
    return text
  }
}
