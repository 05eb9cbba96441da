import { type SchedulerOptions, ServiceScheduler } from '../../../src/workers/pool/service-scheduler.ts'
import { FakeWorker } from './fake-worker.ts'

/** A scheduler on threads whose every step the test takes. */
export function makeScheduler(options: Partial<SchedulerOptions> = {}) {
  const threads: FakeWorker[] = []
  const scheduler = new ServiceScheduler({
    startWorker: onEvent => {
      const thread = new FakeWorker(onEvent)
      threads.push(thread)
      return thread
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
  const thread = (index: number) => threads[index] as FakeWorker
  return { scheduler, threads, thread }
}

/** The same with one thread that has loaded its service. */
export function readyScheduler(options: Partial<SchedulerOptions> = {}, isBatchable = true) {
  const made = makeScheduler(options)
  void made.scheduler.start()
  made.thread(0).load({ isBatchable })
  return made
}
