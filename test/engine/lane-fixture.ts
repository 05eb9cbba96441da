import { Lane, type LaneOptions } from '../../src/engine/lane.ts'
import { FakeThread, report } from './fake-thread.ts'

/** A lane on threads whose every step the test takes. */
export function makeLane(options: Partial<LaneOptions> = {}) {
  const threads: FakeThread[] = []
  const lane = new Lane({
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
  return { lane, threads, thread }
}

/** The same with one thread that has loaded its service. */
export function readyLane(options: Partial<LaneOptions> = {}, isBatchable = true) {
  const made = makeLane(options)
  void made.lane.start()
  made.thread(0).events.onLoaded({ ...report, isBatchable })
  return made
}
