import assert from 'node:assert/strict'
import { ScoringService } from '../../../src/inference/scoring-service.ts'
import { JobCache } from '../../../src/jobs/job-cache.ts'
import { KeptChunks } from '../../../src/jobs/kept-chunks.ts'
import { jobLimits } from '../../../src/jobs/limits.ts'
import { planParquet } from '../../../src/jobs/plan/plan-parquet.ts'
import { JobService } from '../../../src/jobs/requests/job-service.ts'
import type { RowScorer } from '../../../src/jobs/row-scorer.ts'
import { PartsInProgress } from '../../../src/jobs/score/parts-in-progress.ts'
import { ScoringLock } from '../../../src/jobs/score/scoring-lock.ts'
import { SharedMemory } from '../../../src/jobs/score/shared-memory.ts'
import { createJobSteps, type JobSteps, type StepTools } from '../../../src/jobs/steps.ts'
import { ServiceDefinition } from '../../../src/models/definition/definition.ts'
import { interceptedQueues, interceptedStore } from '../../support/intercepted-storage.ts'
import { timeLimit } from '../../support/virtual-clock.ts'
import { type OneFaultWorld, service } from './one-fault-world.ts'

/** An instance of the app: its real steps over the world's storage. A dead one makes no progress. */
export class App {
  isDead = false
  readonly died = Promise.withResolvers<void>()
  readonly background = new Set<Promise<void>>()
  readonly steps: JobSteps
  readonly jobs: JobService

  constructor(world: OneFaultWorld) {
    const { clock, scene } = world
    const call = <T>(name: string, target: string, effect: () => Promise<T>) =>
      world.call(this, { name, target, effect })
    const own: StepTools['clock'] = {
      wallMs: () => clock.wallMs(),
      monotonicMs: () => clock.monotonicMs(),
      after: (ms, callback) => clock.after(ms, () => !this.isDead && callback()),
    }
    const limits = { ...jobLimits, ...scene.limits }
    const score: RowScorer['score'] = async (_, rows, { signal, budgetMs }) => {
      const isTimeUp = timeLimit(own, budgetMs)
      const results = await call('score', service, async () => {
        world.scored()
        return rows.map((row, index) => {
          if (index > 0 && isTimeUp()) return undefined
          if (!('json' in row)) return row
          return row.json === '"fails"' ? { code: 'MODEL_RUN_FAILED', message: 'no' } : { prediction: `[${row.json}]` }
        })
      })
      signal.throwIfAborted()
      return results
    }
    const scorer: RowScorer = {
      modelDigest: async () => 'digest',
      inputs: async () => undefined,
      traits: async () => ({ optionalInputs: [], outputs: undefined, predictionRatio: 1 }),
      scoreText: async () => undefined,
      rowSettings: async () => ({}),
      score,
    }
    const tools: StepTools = {
      store: interceptedStore(world.store, call, () => 3),
      queues: interceptedQueues(world.queues, call),
      scorer,
      events: { post: () => assert.fail('events go to a queue') },
      countEvent: () => {},
      planParquet,
      clock: own,
      limits,
      lock: new ScoringLock(),
      parts: new PartsInProgress(),
      memory: new SharedMemory(),
      cache: new JobCache(),
      texts: new KeptChunks(own, 2 ** 20),
      results: new KeptChunks(own, limits.aheadBytes),
      stopping: new AbortController().signal,
      background: this.background,
      log: () => {},
    }
    this.steps = createJobSteps(tools)
    const engine = { kind: 'scheduler' as const, scheduler: { report: { scriptKind: 'typed' } } as never }
    const iris = new ScoringService({
      name: service,
      definition: ServiceDefinition.parse({}),
      authorizer: undefined,
      engine,
    })
    this.jobs = new JobService({
      ...{ ...tools, scorer: { ...scorer, textSpeed: () => undefined } },
      ...{ runner: this.steps.runner, maxInputBytes: 2 ** 20, maxUploadBytes: 2 ** 20, maxActiveJobs: 10 },
      find: name => (name === service ? iris : assert.fail()),
      ...{ containers: ['input', 'output'], inputHosts: [], eventQueues: ['job-events'], eventHosts: [] },
      newId: () => assert.fail('the job has an id'),
    })
  }

  /** Lets the app work until it has done so, or is dead. @throws what `work` throws */
  async does(work: () => Promise<unknown>): Promise<'done' | 'died'> {
    return Promise.race([work().then(() => 'done' as const), this.died.promise.then(() => 'died' as const)])
  }
}
