import assert from 'node:assert/strict'
import { ScoringError } from '../../../src/errors.ts'
import type { BlobStore } from '../../../src/jobs/blob-store.ts'
import { JobCache } from '../../../src/jobs/job-cache.ts'
import { KeptChunks } from '../../../src/jobs/kept-chunks.ts'
import { jobLimits } from '../../../src/jobs/limits.ts'
import type { MessageQueues } from '../../../src/jobs/message-queues.ts'
import { planParquet } from '../../../src/jobs/plan/plan-parquet.ts'
import type { Row, RowResult, RowScorer } from '../../../src/jobs/row-scorer.ts'
import { PartsInProgress } from '../../../src/jobs/score/parts-in-progress.ts'
import { ScoringLock } from '../../../src/jobs/score/scoring-lock.ts'
import { SharedMemory } from '../../../src/jobs/score/shared-memory.ts'
import { createJobSteps, type JobSteps, type StepTools } from '../../../src/jobs/steps.ts'
import { interceptedQueues, interceptedStore } from '../../support/intercepted-storage.ts'
import { timeLimit } from '../../support/virtual-clock.ts'
import type { JobWorld } from './job-world.ts'

/** A call of a process, which waits until the world performs it. */
export interface Call {
  readonly process: JobProcess
  readonly name: string
  /** `<container>/<path>`, or the queue. */
  readonly target: string
  readonly effect: () => Promise<unknown>
  readonly resolve: (result: unknown) => void
  readonly reject: (failure: unknown) => void
}

/** An instance of the app: the real steps over the world's storage. A dead one makes no progress. */
export class JobProcess {
  isDead = false
  /** Messages that it is handling. */
  busy = 0
  readonly steps: JobSteps
  readonly tools: StepTools
  readonly #world: JobWorld

  constructor(world: JobWorld) {
    this.#world = world
    const { window, chunksPerPart, maxBlocks, isHasty, hasTurns, runsOn, keptBytes, aheadBytes } = world.scenario
    const budgets = isHasty ? { budgetMs: 0, chunkBudgetMs: 0 } : {}
    const times = { ...budgets, turnMs: hasTurns ? 1000 : 0, runOnMs: runsOn ? 3000 : 0 }
    const limits = { ...jobLimits, ...times, window, chunksPerPart, maxBlocks, joinedBytes: 60 }
    const clock: StepTools['clock'] = {
      wallMs: () => world.now,
      monotonicMs: () => world.now,
      after: (ms, callback) => world.after(ms, () => !this.isDead && callback()),
    }
    this.tools = {
      store: this.#store(),
      queues: this.#queues(),
      scorer: this.#scorer(),
      events: { post: () => assert.fail('no job asks for events') },
      countEvent: () => assert.fail('no job asks for events'),
      planParquet,
      clock,
      limits,
      lock: new ScoringLock(),
      parts: new PartsInProgress(),
      memory: new SharedMemory(),
      cache: new JobCache(),
      texts: new KeptChunks(clock, keptBytes),
      results: new KeptChunks(clock, aheadBytes),
      stopping: new AbortController().signal,
      background: new Set(),
      log: () => {},
    }
    this.steps = createJobSteps(this.tools)
  }

  /** Takes effect when the world says so, or never; or fails before or after its effect. */
  call<T>(name: string, target: string, effect: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#world.calls.push({ process: this, name, target, effect, resolve: resolve as Call['resolve'], reject })
    })
  }

  #store(): BlobStore {
    const { store, random } = this.#world
    return interceptedStore(store, this.call.bind(this), () => 1 + Math.floor(random.next() * 4))
  }

  #queues(): MessageQueues {
    const { queues, seen } = this.#world
    const send: MessageQueues['send'] = async (queue, message, delaySeconds) => {
      seen.sent.push(message)
      await queues.send(queue, message, delaySeconds)
    }
    const unused = {
      sendEvent: () => assert.fail('no job asks for events'),
      sendBack: () => assert.fail('only JobService sends submissions back'),
    }
    return interceptedQueues({ send, hold: queues.hold.bind(queues), ...unused }, this.call.bind(this))
  }

  #scorer(): RowScorer {
    return {
      modelDigest: async () => 'digest',
      inputs: async () => undefined,
      traits: async () => ({ optionalInputs: [], outputs: undefined, predictionRatio: 1 }),
      scoreText: async () => undefined,
      rowSettings: async () => ({}),
      score: async (service, rows, { signal, budgetMs }) => {
        const isTimeUp = timeLimit(this.tools.clock, budgetMs)
        const results = await this.call('score', service, async () => {
          if (rows.some(row => 'json' in row && JSON.parse(row.json).kind === 'poison')) this.#world.kill(this)
          return rows.map((row, index) => (index > 0 && isTimeUp() ? undefined : resultOf(row)))
        })
        signal.throwIfAborted()
        return results
      },
    }
  }
}

/** The answer of the service for a row alone. */
export function resultOf(row: Row): RowResult {
  if (!('json' in row)) return row
  const { id, kind } = JSON.parse(row.json) as { id: number; kind: string }
  // 1.50 and 1.5 are the same number, but different texts.
  if (kind === 'ok') return { prediction: `[${id}.50, "of, \\"${id}\\""]` }
  return { code: 'MODEL_RUN_FAILED', message: 'The model said "no", again' }
}

export const transientFault = new ScoringError('SERVICE_UNAVAILABLE', 'not now')
