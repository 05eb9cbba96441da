/**
 * Preloaded into a host (`--import`): every SIGUSR2 ends one of its scoring threads, by the seed in `CHAOS_SEED`, whatever
 * the thread is doing. Only ONNX Runtime is waited for, as ending a thread inside it ends the whole process.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { isMainThread, type Worker } from 'node:worker_threads'
import { NativeGate } from '../../src/adapters/worker-thread/native-gate.ts'
import { seededRandom } from '../support/seeded-random.ts'

if (isMainThread) {
  const module = createRequire(import.meta.url)('node:worker_threads')
  const random = seededRandom(Number(process.env.CHAOS_SEED))
  const gates = new Map<Worker, SharedArrayBuffer>()
  module.Worker = class extends module.Worker {
    constructor(file: URL, options: { workerData?: { gate?: SharedArrayBuffer } }) {
      super(file, options)
      const worker = this as unknown as Worker
      if (!options.workerData?.gate) return
      gates.set(worker, options.workerData.gate)
      worker.once('exit', () => gates.delete(worker))
    }
  }
  syncBuiltinESMExports()
  process.on('SIGUSR2', async () => {
    const chosen = [...gates][Math.floor(random() * gates.size)]
    if (!chosen) return
    const [worker, gate] = chosen
    gates.delete(worker)
    await new NativeGate(gate).close()
    console.log('chaos: ended a thread')
    await worker.terminate()
  })
}
