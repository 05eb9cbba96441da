import { type SchedulerOptions, ServiceScheduler } from '../../../src/workers/pool/service-scheduler.ts'
import { FakeWorker } from './fake-worker.ts'

/** A scheduler on workers whose every step the test takes. */
export function makeScheduler(options: Partial<SchedulerOptions> = {}) {
  const workers: FakeWorker[] = []
  const scheduler = new ServiceScheduler({
    startWorker: onEvent => {
      const worker = new FakeWorker(onEvent)
      workers.push(worker)
      return worker
    },
    maxThreads: 1,
    timeoutMs: 60_000,
    loadTimeoutMs: 60_000,
    maxQueued: 1000,
    maxQueuedBytes: 1_000_000,
    maxMemoryMb: 1000,
    hasEntryScript: true,
    log: () => {},
    now: () => Date.now(), // which the tests' clock sets
    ...options,
  })
  const worker = (index: number) => workers[index] as FakeWorker
  return { scheduler, workers, worker }
}

/** The same with one worker that has loaded its service. */
export function readyScheduler(options: Partial<SchedulerOptions> = {}, isBatchable = true) {
  const made = makeScheduler(options)
  void made.scheduler.start()
  made.worker(0).load({ isBatchable })
  return made
}
