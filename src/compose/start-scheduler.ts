/** Starts the workers of a service. */
import { statSync } from 'node:fs'
import { watchDebugger } from '../adapters/local/debugger.ts'
import { halfOfMemoryMb } from '../adapters/local/memory.ts'
import { NodeWorker, type ScriptOutput } from '../adapters/node-worker/node-worker.ts'
import type { OpenedFiles } from '../models/repository/opened-files.ts'
import { hasScript, type ServiceSpec } from '../models/repository/service-spec.ts'
import type { CpuShares } from '../scheduling/cpu-shares.ts'
import type { LogFormat } from '../telemetry/log.ts'
import type { ServiceMetrics } from '../telemetry/service-metrics.ts'
import { LoadQueue, type QueuedLoad } from '../workers/pool/load-queue.ts'
import { ServiceScheduler } from '../workers/pool/service-scheduler.ts'
import type { WorkerEvent } from '../workers/pool/worker-thread.ts'
import type { RunRecords } from '../workers/transport/run-records.ts'

/** What the workers of a service get from the app. All but `maxThreads` may be absent, for a service that is opened alone. */
export interface SchedulerParts {
  /** Maximum number of workers. */
  readonly maxThreads: number
  /** Shared by all services; absent: all processors belong to this one. */
  readonly cpuShares?: CpuShares | undefined
  /** The host ends the process that holds an invocation for longer; absent: it has no limit. */
  readonly functionTimeoutMs?: number | undefined
  /** When services load; absent: at once. */
  readonly loads?: LoadQueue | undefined
  /** Records of what workers run; absent: none are kept. */
  readonly runRecords?: RunRecords | undefined
  /** How the output of scripts is written; absent: as text, all of it. */
  readonly logFormat?: LogFormat | undefined
  /** Where the output of scripts goes; absent: that of the process. */
  readonly scriptOutput?: ScriptOutput | undefined
  /** The files that it was opened from; absent: they do not change while the app runs. */
  readonly files?: OpenedFiles | undefined
  /** Receives lines about workers; absent: `console.error`. */
  readonly log?: (line: string) => void
}

/** One for all services, so that the log has its line once. */
const isDebugged = watchDebugger(line => console.error(line))

/** The first worker starts when its turn comes. */
export function startScheduler(
  spec: ServiceSpec,
  metrics: ServiceMetrics | undefined,
  {
    maxThreads,
    cpuShares,
    runRecords,
    logFormat,
    scriptOutput,
    files,
    functionTimeoutMs,
    loads,
    log = line => console.error(line),
  }: SchedulerParts,
): { scheduler: ServiceScheduler; firstLoad: QueuedLoad } {
  const { service, definition } = spec
  const maxMemoryMb = Math.min(definition.limits.maxMemoryMb, halfOfMemoryMb())
  const scheduler = new ServiceScheduler({
    startWorker: onEvent =>
      new NodeWorker(spec, {
        maxMemoryMb,
        onEvent: files ? verifyingLoads(files, onEvent) : onEvent,
        records: runRecords,
        format: logFormat,
        output: scriptOutput,
        isDebugged,
      }),
    maxThreads,
    timeoutMs: limitTimeout(spec, functionTimeoutMs, log),
    loadTimeoutMs: definition.limits.loadTimeoutMs,
    maxQueued: definition.limits.maxQueued,
    maxQueuedBytes: definition.limits.maxQueuedBytes,
    maxQueueWaitMs: definition.limits.maxQueueWaitMs,
    maxMemoryMb,
    maxLoadMemoryMb: maxMemoryMb + 2 * sizeOfModelsMb(spec), // a file, and its copy where the graph is edited
    batchDelay: definition.batching,
    hasEntryScript: hasScript(spec),
    isDebugged,
    ...(cpuShares && { cpuShares }),
    log: line => log(`[${service}] ${line}`),
    ...(metrics && { metrics }),
  })
  const firstLoad = (loads ?? new LoadQueue(1)).add(() => scheduler.start()) // `load` of the service tells
  return { scheduler, firstLoad }
}

/** Files that are missing are told by the worker. */
function sizeOfModelsMb({ models }: ServiceSpec): number {
  const sizes = models.map(({ path }) => statSync(path, { throwIfNoEntry: false })?.size ?? 0)
  return sizes.reduce((sum, size) => sum + size, 0) / 2 ** 20
}

/** A request ends before the host would end the process, with all requests in it. */
function limitTimeout(
  { service, definition }: ServiceSpec,
  functionTimeoutMs: number | undefined,
  log: (line: string) => void,
): number {
  const { timeoutMs } = definition.limits
  // What comes before the queue and after the run takes some of the time.
  const maxMs = functionTimeoutMs === undefined ? Number.POSITIVE_INFINITY : 0.95 * functionTimeoutMs
  if (timeoutMs <= maxMs) return timeoutMs
  const why = `because the host ends the process after ${functionTimeoutMs} ms (functionTimeout in host.json)`
  log(`[${service}] limits.timeoutMs is ${timeoutMs}; requests time out after ${maxMs} ms, ${why}`)
  return maxMs
}

/** A worker that has loaded gets its first requests when it is known whether the files were still the same. */
function verifyingLoads(files: OpenedFiles, onEvent: (event: WorkerEvent) => void): (event: WorkerEvent) => void {
  return event => {
    if (event.kind !== 'loaded') return onEvent(event)
    void files.verify().then(() => onEvent(event))
  }
}
