/**
 * Preloaded into a host (`--import`): every SIGUSR2 ends one of its scoring threads, or that of the jobs, by the seed in `CHAOS_SEED`,
 * whatever the thread is doing. Only ONNX Runtime is waited for, as ending a thread inside it ends the whole process. Threads that
 * have not loaded yet are spared most of the time: a service that cannot load waits longer each time, by design.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { isMainThread, type Worker } from 'node:worker_threads'
import { NativeCallGuard } from '../../../src/workers/transport/native-call-guard.ts'
import { seededRandom } from '../../support/seeded-random.ts'

/** Of the kills, those that may also hit a thread that is loading. */
const shareOfLoading = 0.05
/** Of the kills, those that hit the thread of the jobs, if there is one. */
const shareOfJobs = 0.3
/** For so long a thread is taken to load. */
const loadingMs = 1000

if (isMainThread) {
  const module = createRequire(import.meta.url)('node:worker_threads')
  const random = seededRandom(Number(process.env.CHAOS_SEED))
  const guards = new Map<Worker, SharedArrayBuffer>()
  const loading = new Set<Worker>()
  let jobs: Worker | undefined
  module.Worker = class extends module.Worker {
    constructor(file: URL, options: { name?: string; workerData?: { guard?: SharedArrayBuffer } }) {
      super(file, options)
      const worker = this as unknown as Worker
      if (options.name === 'jobs') jobs = worker
      if (!options.workerData?.guard) return
      guards.set(worker, options.workerData.guard)
      loading.add(worker)
      // What it says goes over a port of its own, which is not heard here.
      worker.once('online', () => setTimeout(() => loading.delete(worker), loadingMs).unref())
      worker.once('exit', () => {
        guards.delete(worker)
        loading.delete(worker)
      })
    }
  }
  syncBuiltinESMExports()
  process.on('SIGUSR2', async () => {
    if (jobs && random() < shareOfJobs) {
      const ended = jobs
      jobs = undefined // until another one is started
      console.log('chaos: ended the thread of the jobs')
      await ended.terminate()
      return
    }
    const isAny = random() < shareOfLoading
    const candidates = [...guards].filter(([worker]) => isAny || !loading.has(worker))
    const chosen = candidates[Math.floor(random() * candidates.length)]
    if (!chosen) return
    const [worker, guard] = chosen
    guards.delete(worker)
    await new NativeCallGuard(guard).close()
    console.log('chaos: ended a thread')
    await worker.terminate()
  })
}
