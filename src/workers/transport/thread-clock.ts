/** `performance.now()` counts from the start of its own thread; this is what to add to it. */
const startedAt = hrtimeMs() - performance.now()

function hrtimeMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1000 + nanoseconds / 1e6
}

/** Milliseconds of the one clock that all threads of the process have in common. It never jumps, whoever sets the time. */
export function threadClock(): number {
  return startedAt + performance.now()
}

/** A moment of `threadClock` by the `performance.now()` of this thread. */
export function asPerformanceNow(threadClockMs: number): number {
  return threadClockMs - startedAt
}
