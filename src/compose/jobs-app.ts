/** Wires batch jobs. A bundle of its own, so that the start of the app and scoring do not read its code. */
import { randomUUID } from 'node:crypto'
import type { Storage } from '../adapters/azure/open-storage.ts'
import { planParquetInProcess } from '../adapters/child-process/plan-parquet-in-process.ts'
import { countBuffersWithHeap } from '../adapters/local/external-memory.ts'
import { FolderServiceFiles } from '../adapters/local/folder-service-files.ts'
import { httpsEvents } from '../adapters/local/https-events.ts'
import { systemClock } from '../adapters/local/system-clock.ts'
import { JobCache } from '../jobs/job-cache.ts'
import { KeptChunks } from '../jobs/kept-chunks.ts'
import { limitsFor } from '../jobs/limits.ts'
import { JobService } from '../jobs/requests/job-service.ts'
import { ModelDigests } from '../jobs/score/model-digest.ts'
import { PartsInProgress } from '../jobs/score/parts-in-progress.ts'
import { ScoringLock } from '../jobs/score/scoring-lock.ts'
import { ServiceRowScorer } from '../jobs/score/service-row-scorer.ts'
import { SharedMemory } from '../jobs/score/shared-memory.ts'
import { createJobSteps, type JobSteps } from '../jobs/steps.ts'
import type { ServiceCatalogue } from '../models/catalogue/service-catalogue.ts'
import type { JobRoutes } from '../protocols/jobs/endpoints.ts'
import { submitJob } from '../protocols/jobs/submit-job.ts'
import type { ScoringMetrics } from '../telemetry/service-metrics.ts'
import type { Tracing } from '../telemetry/tracing.ts'
import type { Settings } from './settings.ts'

export interface JobsParts {
  readonly settings: Settings
  readonly catalogue: ServiceCatalogue
  readonly metrics: Pick<ScoringMetrics, 'eventAttempted'>
  /** undefined: jobs are not traced. */
  readonly tracing: Tracing | undefined
  /** Names of the requests that earlier processes were running when they ended. */
  readonly lostRequests: readonly string[]
  /** Aborted when the app stops. */
  readonly stopping: AbortSignal
  /** Work on jobs that no invocation waits for. */
  readonly background: Set<Promise<void>>
}

export interface Jobs extends JobRoutes {
  readonly steps: JobSteps
}

export async function createJobs(parts: JobsParts, { blobs, queues }: Storage): Promise<Jobs> {
  const { settings, catalogue, metrics, tracing, lostRequests, stopping, background } = parts
  const log = (line: string) => console.error(`[jobs] ${line}`)
  const digests = new ModelDigests(new FolderServiceFiles(), randomUUID)
  const find = (service: string) => catalogue.find(service)
  const scorer = new ServiceRowScorer({
    find,
    modelDigest: async service => {
      await service.prepare()
      return digests.readDigest(service)
    },
    // One more than there are workers, so that none waits for the next request.
    concurrency: settings.maxThreads + 1,
  })
  const limits = limitsFor(settings.jobs)
  const steps = createJobSteps({
    store: blobs,
    queues,
    scorer,
    events: httpsEvents,
    countEvent: (service, outcome) => metrics.eventAttempted(service, outcome),
    planParquet: planParquetInProcess(),
    clock: systemClock,
    limits,
    lock: new ScoringLock(),
    parts: new PartsInProgress(),
    memory: new SharedMemory(countBuffersWithHeap),
    cache: new JobCache(),
    texts: new KeptChunks(systemClock, limits.keptTextBytes),
    results: new KeptChunks(systemClock, limits.aheadBytes),
    tracing,
    stopping,
    background,
    log,
  })
  const service = new JobService({
    ...settings.jobs,
    store: blobs,
    queues,
    runner: steps.runner,
    clock: systemClock,
    find,
    scorer,
    newId: randomUUID,
    log,
  })
  await steps.reportDeaths(lostRequests).catch(failure => {
    log(`what an earlier process was scoring when it ended could not be recorded: ${(failure as Error).message}`)
  })
  return { service, steps, submitJob: (...call) => submitJob(service, ...call) }
}
