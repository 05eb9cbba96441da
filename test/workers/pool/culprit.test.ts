import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { CpuShares, type CpuSlice } from '../../../src/scheduling/cpu-shares.ts'
import { requestState } from '../../../src/scheduling/dispatch.ts'
import { failure, type InferenceResult } from '../../../src/scheduling/inference-result.ts'
import type { QueuedRequest } from '../../../src/scheduling/request-queue.ts'
import { ScoringMetrics } from '../../../src/telemetry/service-metrics.ts'
import { failCulprit } from '../../../src/workers/pool/culprit.ts'
import { WorkerHandle } from '../../../src/workers/pool/worker-handle.ts'
import type { Crash } from '../../../src/workers/pool/worker-state.ts'
import { FakeWorker, requestOf } from './fake-worker.ts'

const { waiting, running, decoding, answered } = requestState
/** A request as the crash found it: its state, and what is known from earlier crashes. */
type Found = readonly [state: number, earlier?: Partial<Pick<QueuedRequest, 'isSuspect' | 'crashes'>>]
/** `retried alone`: as a suspect. `lost`: the script ran, and its result is gone. */
type Outcome = 'failed' | 'retried' | 'retried alone' | 'lost'

/** Crashes a worker that has these requests. */
function crash(found: readonly Found[], cause: Crash['cause'], hasEntryScript: boolean): (Outcome | undefined)[] {
  const results = new Map<number, InferenceResult>()
  const requests = found.map(
    ([, earlier], sequence): QueuedRequest => ({
      request: requestOf(String(sequence)),
      byteCount: 1,
      sequence,
      acceptedAt: 0,
      isBackground: false,
      deadline: Number.POSITIVE_INFINITY,
      timeoutMs: 1000,
      isAbandoned: () => false,
      settle: result => results.set(sequence, result),
      queueMs: 0,
      crashes: 0,
      isSuspect: false,
      ...earlier,
    }),
  )
  const fakes: FakeWorker[] = []
  const worker = new WorkerHandle({
    startWorker: onEvent => {
      const fake = new FakeWorker(onEvent)
      fakes.push(fake)
      return fake
    },
    metrics: new ScoringMetrics().ofService('iris'),
    now: () => 0,
    maxStallMs: 1000,
    onEvent: (handle, event) => handle.transition(event),
  })
  fakes[0]?.load()
  const share = new CpuShares(1, () => 0).join({ isUrgent: () => true, onGranted: () => {} })
  worker.dispatch(requests, share.begin() as CpuSlice)
  for (const [index, [state]] of found.entries()) (fakes[0] as FakeWorker).states[index] = state
  const result = failure('ENTRY_SCRIPT_ENDED_THREAD', 'the crash')
  const retried = failCulprit(worker, { cause, detail: 'exit code 7' }, { result, hasEntryScript })
  return requests.map(request => {
    const settled = results.get(request.sequence)
    if (settled === result) return 'failed'
    if (settled) return 'lost'
    if (!retried.includes(request)) return undefined
    return request.isSuspect ? 'retried alone' : 'retried'
  })
}

describe('failCulprit', () => {
  const suspect = { isSuspect: true, crashes: 1 }
  const cases: [name: string, found: Found[], cause: Crash['cause'], outcomes: Outcome[]][] = [
    [
      'retries what was running alone, and what waited as it was',
      [[running], [waiting]],
      'crash',
      ['retried alone', 'retried'],
    ],
    ['fails a suspect that crashes its worker again', [[running, suspect]], 'crash', ['failed']],
    ['fails a suspect that exhausts the memory again', [[running, suspect]], 'memory', ['failed']],
    ['fails what runs past its deadline at once', [[running], [waiting]], 'timeout', ['failed', 'retried']],
    [
      'suspects all requests of a run',
      [[running], [running], [waiting]],
      'crash',
      ['retried alone', 'retried alone', 'retried'],
    ],
    [
      'suspects a run past its deadline, where it had several requests',
      [[running], [running]],
      'timeout',
      ['retried alone', 'retried alone'],
    ],
    ['suspects what was being decoded too', [[decoding], [running]], 'crash', ['retried alone', 'retried alone']],
    [
      'fails the run past its deadline, not what was being decoded',
      [[decoding], [running]],
      'timeout',
      ['retried', 'failed'],
    ],
    ['fails a suspect that was being decoded', [[decoding, suspect]], 'crash', ['failed']],
    [
      'does not run a script again for a request that has been run',
      [[answered], [running]],
      'crash',
      ['lost', 'retried alone'],
    ],
    ['retries what waited, where nothing was running', [[waiting], [waiting]], 'crash', ['retried', 'retried']],
    [
      'gives up what waited through three crashes in which nothing was running',
      [[waiting, { crashes: 2 }]],
      'crash',
      ['failed'],
    ],
    [
      'retries what waited however often others crash the worker',
      [[running], [waiting, { crashes: 2 }]],
      'crash',
      ['retried alone', 'retried'],
    ],
  ]
  it.for(cases)('%s', ([, found, cause, outcomes]) => {
    assert.deepEqual(crash(found, cause, true), outcomes)
  })

  it('runs a model again whose result was lost: it has no effect but the result', () => {
    assert.deepEqual(crash([[answered], [running]], 'crash', false), ['retried', 'retried alone'])
  })
})
