/** What batch jobs are made of: a bundle of its own, so that a start, and scoring, do not even read its code. */
import { randomUUID } from 'node:crypto'
import type { Storage } from '../adapters/azure/open-storage.ts'
import { planParquetApart } from '../adapters/child-process/plan-parquet-apart.ts'
import { FolderServiceFiles } from '../adapters/local/folder-service-files.ts'
import { systemClock } from '../adapters/local/system-clock.ts'
import { StorageJobDesk } from '../jobs/desk/desk.ts'
import { limitsFor } from '../jobs/job-limits.ts'
import { createJobSteps } from '../jobs/job-steps.ts'
import type { JobDesk, JobSteps } from '../jobs/jobs.ts'
import { KnownJobs } from '../jobs/known-jobs.ts'
import { ModelDigests } from '../jobs/model-digest.ts'
import { ServiceRowScorer } from '../jobs/score-rows.ts'
import { ScoringLock } from '../jobs/scoring-lock.ts'
import type { ServiceCatalogue } from '../models/catalogue/service-catalogue.ts'
import type { ServiceSpec } from '../models/repository/service-spec.ts'
import type { Settings } from './settings.ts'

export interface JobsParts {
  readonly settings: Settings
  readonly catalogue: ServiceCatalogue
  /** Of the services that could be opened, by name. */
  readonly specs: ReadonlyMap<string, ServiceSpec>
  /** The app stops. */
  readonly stopping: AbortSignal
}

export interface Jobs {
  readonly desk: JobDesk
  readonly steps: JobSteps
}

export function createJobs({ settings, catalogue, specs, stopping }: JobsParts, { blobs, queues }: Storage): Jobs {
  const log = (line: string) => console.error(`[jobs] ${line}`)
  const digests = new ModelDigests(new FolderServiceFiles(settings.modelsDir, specs))
  const find = (service: string) => catalogue.find(service)
  const scorer = new ServiceRowScorer({
    find,
    modelDigest: service => digests.digestOf(service),
    // One more than there are threads: none waits for the next request.
    requestsUnderWay: settings.maxThreads + 1,
  })
  return {
    desk: new StorageJobDesk({
      ...settings.jobs,
      store: blobs,
      queues,
      find,
      scorer,
      now: Date.now,
      newId: randomUUID,
      log,
    }),
    steps: createJobSteps({
      store: blobs,
      queues,
      scorer,
      planParquet: planParquetApart(),
      clock: systemClock,
      limits: limitsFor(settings.jobs),
      lock: new ScoringLock(),
      known: new KnownJobs(),
      stopping,
      log,
    }),
  }
}
