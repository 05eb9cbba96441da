/** The entry of the thread that runs the steps of jobs, so that the thread of the callers reads, writes and collects nothing for them. */
import { type MessagePort, workerData } from 'node:worker_threads'
import { openStorage } from '../adapters/azure/open-storage.ts'
import { type SentMessage, sentMessages } from '../adapters/azure/sent-messages.ts'
import type { StorageSettings } from '../adapters/azure/storage-address.ts'
import { planParquetInProcess } from '../adapters/child-process/plan-parquet-in-process.ts'
import { countBuffersWithBallast } from '../adapters/local/external-memory.ts'
import { httpsEvents } from '../adapters/local/https-events.ts'
import { lowerPriorityOfThread } from '../adapters/local/low-priority.ts'
import { systemClock } from '../adapters/local/system-clock.ts'
import { JobCache } from '../jobs/job-cache.ts'
import { KeptChunks } from '../jobs/kept-chunks.ts'
import type { JobLimits } from '../jobs/limits.ts'
import { PartsInProgress } from '../jobs/score/parts-in-progress.ts'
import { ScoringLock } from '../jobs/score/scoring-lock.ts'
import { SharedMemory } from '../jobs/score/shared-memory.ts'
import { createJobSteps } from '../jobs/steps.ts'
import { Calls } from '../jobs/thread/calls.ts'
import type { MainFunctions, StepFunctions } from '../jobs/thread/functions.ts'
import { RemoteScorer } from '../jobs/thread/remote-scorer.ts'
import { serveSteps } from '../jobs/thread/remote-steps.ts'
import { RemoteTracing } from '../jobs/thread/remote-tracing.ts'

export interface JobsThreadData {
  readonly port: MessagePort
  readonly storage: StorageSettings
  readonly limits: JobLimits
  /** Whether the main thread records spans. */
  readonly isTraced: boolean
}

async function main({ port, storage, limits, isTraced }: JobsThreadData): Promise<void> {
  lowerPriorityOfThread()
  const opened = await openStorage(storage)?.()
  if (!opened) throw new Error('the thread of the jobs was started without a storage')
  const stopping = new AbortController()
  const background = new Set<Promise<void>>()
  const calls: Calls<MainFunctions> = new Calls(port, () => functions, { keepsAlive: true })
  const steps = createJobSteps({
    store: opened.blobs,
    queues: opened.queues,
    scorer: new RemoteScorer(calls),
    events: httpsEvents,
    countEvent: (service, outcome) => calls.tell('countEvent', { service, outcome }),
    planParquet: planParquetInProcess({
      started: pid => calls.tell('childStarted', pid),
      ended: pid => calls.tell('childEnded', pid),
    }),
    clock: systemClock,
    limits,
    lock: new ScoringLock(),
    parts: new PartsInProgress(),
    memory: new SharedMemory(countBuffersWithBallast),
    cache: new JobCache(),
    texts: new KeptChunks(systemClock, limits.keptTextBytes),
    results: new KeptChunks(systemClock, limits.aheadBytes),
    tracing: isTraced ? new RemoteTracing(calls) : undefined,
    stopping: stopping.signal,
    background,
    log: line => calls.tell('log', line),
  })
  const functions: StepFunctions = serveSteps(steps, { stopping, background })
  sentMessages.subscribe(message => calls.tell('queueWritten', (message as SentMessage).queueName))
}

void main(workerData as JobsThreadData)
