import { Worker } from 'node:worker_threads'
import { seededRandom } from '../../test/support/seeded-random.ts'

/** What the pacing thread gets. */
export interface PacerStart {
  /** Float64: moments in milliseconds of `nowMs`, ascending. */
  readonly moments: SharedArrayBuffer
  /** Int32: whether a wake-up is on its way. */
  readonly isCalled: SharedArrayBuffer
}

/** The same clock in all threads; `performance.now` begins anew in each. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** Moments of a Poisson process, in milliseconds from its beginning. */
export function poissonMoments(perSecond: number, seconds: number, seed: number): Float64Array {
  const random = seededRandom(seed)
  const moments: number[] = []
  for (let at = 0; ; ) {
    at -= (Math.log(1 - random()) / perSecond) * 1000
    if (at >= seconds * 1000) return Float64Array.from(moments)
    moments.push(at)
  }
}

/**
 * Calls `arrive` for every moment, in order. Timers are a millisecond apart, and requests that come in such steps come
 * in bunches, which would favour servers that join requests; a thread of its own waits to the tenth of that.
 *
 * @param moments  in milliseconds of `nowMs`, ascending
 * @param arrive  gets the number of the moment, which has come; false ends it all
 */
export async function atMoments(moments: Float64Array, arrive: (index: number) => boolean): Promise<void> {
  const shared = new SharedArrayBuffer(moments.byteLength)
  new Float64Array(shared).set(moments)
  const isCalled = new Int32Array(new SharedArrayBuffer(4))
  const start: PacerStart = { moments: shared, isCalled: isCalled.buffer }
  const pacer = new Worker(new URL('./pacer-thread.ts', import.meta.url), { workerData: start })
  let next = 0
  await new Promise<void>((resolve, reject) => {
    pacer.once('error', reject)
    pacer.on('message', () => {
      Atomics.store(isCalled, 0, 0) // before the clock is read: what comes due after that calls again
      const now = nowMs()
      while (next < moments.length && (moments[next] as number) <= now) {
        if (!arrive(next++)) return resolve()
      }
      if (next === moments.length) resolve()
    })
  })
  await pacer.terminate()
}
