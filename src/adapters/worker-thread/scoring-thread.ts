/** What one worker thread runs: loads its service, then scores one hand-over after the other. */
import { parentPort, workerData } from 'node:worker_threads'
import { hasScript } from '../../engine/thread-spec.ts'
import { ServiceLoadError } from '../../errors.ts'
import { guardNativeCalls, startRuntime } from '../onnxruntime/guarded-binding.ts'
import type { PostFromThread } from './hand-over-answers.ts'
import { HandOverRunner } from './hand-over-runner.ts'
import { loadService } from './load-service.ts'
import { type BlankThreadData, ProgressBoard, type ThreadStart, type ToThread } from './messages.ts'
import { NativeGate } from './native-gate.ts'
import { unpackRequests } from './packed-hand-over.ts'
import { keepLoopsStoppable } from './stoppable-loops.ts'

if (!parentPort) throw new Error('scoring-thread is the entry of a worker thread')
const port = parentPort
const gate = new NativeGate((workerData as BlankThreadData).gate)
guardNativeCalls(
  () => gate.enter(),
  () => gate.leave(),
)
startRuntime()
gate.leave() // its owner took it for inside, as loading ONNX Runtime itself is no less delicate

const post: PostFromThread = (message, transfer) => port.postMessage(message, transfer)

async function main({ spec, board, cacheFolder }: ThreadStart): Promise<void> {
  port.ref() // an init() that waits for nothing must meet its time limit, not a thread that ends for lack of work
  process.env.AZUREML_MODEL_DIR = spec.modelDir
  try {
    if (hasScript(spec)) keepLoopsStoppable()
    const { service, report } = await loadService(spec, cacheFolder)
    const runner = new HandOverRunner(service, new ProgressBoard(board), post)
    // Every request has its own catch; what escapes is a fault of ours, and ends this thread.
    port.on('message', (packed: ToThread) => {
      const requests = unpackRequests(packed)
      if (packed.indexes) runner.takeIn(requests, packed.indexes)
      else void runner.run(requests)
    })
    post({ type: 'loaded', report }, [])
  } catch (failure) {
    const isKnown = failure instanceof ServiceLoadError
    const reason = isKnown ? failure.message : `unexpected failure: ${(failure as Error)?.message ?? failure}`
    post({ type: 'load-failed', reason }, [])
  }
}

port.once('message', main)
