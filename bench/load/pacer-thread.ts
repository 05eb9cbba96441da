/** Wakes the load generator whenever a request is due. */
import { parentPort, workerData } from 'node:worker_threads'
import { nowMs, type PacerStart } from './arrivals.ts'

const start = workerData as PacerStart
const moments = new Float64Array(start.moments)
const isCalled = new Int32Array(start.isCalled)
const nothing = new Int32Array(new SharedArrayBuffer(4))

for (let next = 0; next < moments.length; ) {
  const pauseMs = (moments[next] as number) - nowMs()
  if (pauseMs > 0) Atomics.wait(nothing, 0, 0, pauseMs)
  const now = nowMs()
  const first = next
  while (next < moments.length && (moments[next] as number) <= now) next++
  if (next > first && Atomics.exchange(isCalled, 0, 1) === 0) parentPort?.postMessage(undefined)
}
