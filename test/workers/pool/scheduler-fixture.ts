import { type SchedulerOptions, ServiceScheduler } from '../../../src/workers/pool/service-scheduler.ts'
import { FakeThread, report } from './fake-worker.ts'

/** A scheduler on threads whose every step the test takes. */
export function makeScheduler(options: Partial<SchedulerOptions> = {}) {
  const threads: FakeThread[] = []
  const scheduler = new ServiceScheduler({
    startThread: events => {
      const thread = new FakeThread(events)
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
  const thread = (index: number) => threads[index] as FakeThread
  return { scheduler, threads, thread }
}

/** The same with one thread that has loaded its service. */
export function readyScheduler(options: Partial<SchedulerOptions> = {}, isBatchable = true) {
  const made = makeScheduler(options)
  void made.scheduler.start()
  made.thread(0).events.onLoaded({ ...report, isBatchable })
  return made
}
