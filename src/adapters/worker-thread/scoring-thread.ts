/** What one worker thread runs: loads its service, then scores one hand-over after the other. */
import { parentPort, workerData } from 'node:worker_threads'
import { asScoringError, ServiceLoadError } from '../../errors.ts'
import { HandOverRunner } from './hand-over-runner.ts'
import { loadService } from './load-service.ts'
import { type FromThread, ProgressBoard, type ThreadStart, type ToThread } from './messages.ts'
import { logFailure } from './thread-log.ts'

if (!parentPort) throw new Error('scoring-thread is the entry of a worker thread')
const port = parentPort
const { spec, board } = workerData as ThreadStart

const post = (message: FromThread, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)

try {
  const { service, report } = await loadService(spec)
  const runner = new HandOverRunner(service, new ProgressBoard(board), post)
  port.on('message', (requests: ToThread) => {
    runner.run(requests).catch(failure => {
      // Every request has its own catch; what arrives here is a fault of ours.
      logFailure(spec.service, asScoringError(failure))
      throw failure
    })
  })
  post({ type: 'loaded', report })
} catch (failure) {
  const reason =
    failure instanceof ServiceLoadError
      ? failure.message
      : `unexpected failure: ${(failure as Error)?.message ?? failure}`
  post({ type: 'load-failed', reason })
}
