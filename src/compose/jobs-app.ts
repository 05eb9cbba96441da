/** Wires batch jobs. A bundle of its own, so that the start of the app and scoring do not read its code. */
import { randomUUID } from 'node:crypto'
import type { Storage } from '../adapters/azure/open-storage.ts'
import { sentMessages } from '../adapters/azure/sent-messages.ts'
import type { StorageSettings } from '../adapters/azure/storage-address.ts'
import { childrenOfThread } from '../adapters/child-process/children.ts'
import { FolderServiceFiles } from '../adapters/local/folder-service-files.ts'
import { systemClock } from '../adapters/local/system-clock.ts'
import { JobsThread } from '../adapters/node-worker/jobs-thread.ts'
import { limitsFor } from '../jobs/limits.ts'
import { JobService } from '../jobs/requests/job-service.ts'
import { ModelDigests } from '../jobs/score/model-digest.ts'
import { ServiceRowScorer } from '../jobs/score/service-row-scorer.ts'
import type { JobSteps } from '../jobs/steps.ts'
import type { MainFunctions } from '../jobs/thread/functions.ts'
import { serveScorer } from '../jobs/thread/remote-scorer.ts'
import { RemoteSteps } from '../jobs/thread/remote-steps.ts'
import { SpansOfThread } from '../jobs/thread/remote-tracing.ts'
import type { ServiceCatalogue } from '../models/catalogue/service-catalogue.ts'
import type { JobRoutes } from '../protocols/jobs/endpoints.ts'
import { submitJob } from '../protocols/jobs/submit-job.ts'
import type { ScoringMetrics } from '../telemetry/service-metrics.ts'
import type { Tracing } from '../telemetry/tracing.ts'
import type { JobsThreadData } from './jobs-thread.ts'
import type { Settings } from './settings.ts'

export interface JobsParts {
  readonly settings: Settings
  readonly catalogue: ServiceCatalogue
  readonly metrics: Pick<ScoringMetrics, 'eventAttempted'>
  /** undefined: jobs are not traced. */
  readonly tracing: Tracing | undefined
  /** Names of the requests that earlier processes were running when they ended. */
  readonly lostRequests: readonly string[]
}

export interface Jobs extends JobRoutes {
  readonly steps: JobSteps
  /** Ends the work on jobs soon, and waits for what no invocation waits for. */
  stop(): Promise<void>
}

const log = (line: string) => console.error(`[jobs] ${line}`)

/** Submissions are taken on this thread; the steps of jobs have a thread of their own, and score with the services of this one. */
export async function createJobs(
  parts: JobsParts,
  storage: StorageSettings,
  { blobs, queues }: Storage,
): Promise<Jobs> {
  const { settings, catalogue, lostRequests } = parts
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
  const thread = openThread(parts, storage, scorer)
  const steps = new RemoteSteps(thread.calls)
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
  return { service, steps, submitJob: (...call) => submitJob(service, ...call), stop: () => thread.stop() }
}

function openThread(
  { settings, metrics, tracing }: JobsParts,
  storage: StorageSettings,
  scorer: ServiceRowScorer,
): JobsThread {
  const spans = new SpansOfThread(tracing)
  const children = childrenOfThread()
  const functions: MainFunctions = {
    ...serveScorer(scorer, span => spans.find(span)),
    ...spans.functions,
    countEvent: ({ service, outcome }) => metrics.eventAttempted(service, outcome),
    queueWritten: queueName => sentMessages.publish({ queueName }),
    childStarted: children.started,
    childEnded: children.ended,
    log,
  }
  const data: Omit<JobsThreadData, 'port'> = {
    storage,
    limits: limitsFor(settings.jobs),
    isTraced: tracing !== undefined,
  }
  const onEnd = (why: Error) => {
    spans.endAll('JobsThreadEnded')
    children.kill()
    log(`${why.message}; its messages will be received again`)
  }
  return new JobsThread({ data, functions, onEnd })
}
