import type { TraceContext } from '../telemetry/trace-context.ts'
import { recordError } from './last-error.ts'
import { JobMessage, type JobStep, messageJobFolder } from './message-queues.ts'
import { finishJob } from './output/finish-job.ts'
import type { PlanTools } from './plan/job-input.ts'
import { splitInput } from './plan/split-job.ts'
import { poisonedChunk, poisonedFinish, poisonedSplit } from './recovery/poison.ts'
import { reportDeaths } from './recovery/report-deaths.ts'
import { sweepJobs } from './recovery/sweep.ts'
import { Retention } from './removal/retention.ts'
import { RunOn, type RunOnTools, type StepRunner } from './run-on.ts'
import type { ChunkMessage } from './score/chunk-run.ts'
import { AheadScorer } from './score/score-ahead.ts'
import { scoreChunk } from './score/score-chunk.ts'
import type { ScoreTools } from './score/score-rows.ts'
import { type StepDelivery, traceStep } from './trace-step.ts'

/** The steps of jobs, one for each queue. Each may run twice, late, and in any order. */
export interface JobSteps {
  split(message: unknown, hostTrace?: TraceContext): Promise<void>
  /**
   * @param deliveryCount  how often the message has been received, from 1
   * @param hostTrace  the span of the invocation, where the host has one
   */
  chunk(message: unknown, deliveryCount: number, hostTrace?: TraceContext): Promise<void>
  finish(message: unknown, hostTrace?: TraceContext): Promise<void>
  /** Handles a message on the poison queue of `step`. */
  poisoned(step: 'split' | 'chunk' | 'finish', message: unknown): Promise<void>
  /** To be called before other steps. @param requests  names of those that an earlier process was running when it ended */
  reportDeaths(requests: readonly string[]): Promise<void>
  /** Re-enqueues the messages of steps that stand still. */
  sweep(): Promise<void>
  /** For those who submit and cancel jobs. */
  readonly runner: StepRunner
}

export type StepTools = PlanTools & ScoreTools & Pick<RunOnTools, 'background'>

export function createJobSteps(tools: StepTools): JobSteps {
  const { window, chunksPerPart } = tools.limits
  // In a wider window, a part could have no results while a later one has some. Progress relies on the opposite.
  if (window > chunksPerPart) throw new Error(`a window of ${window} chunks is wider than a part of ${chunksPerPart}`)

  const perform = (step: JobStep, delivery?: StepDelivery) => performStep(tools, step, delivery)
  const runner = new RunOn({ ...tools, perform })
  const retention = new Retention(tools)
  const on =
    (step: (message: JobMessage, delivery: StepDelivery) => Promise<unknown>) =>
    async (content: unknown, hostTrace?: TraceContext): Promise<void> => {
      const message = parseMessage(tools, content)
      if (message) await step(message, { hostTrace })
    }
  const onChunk = (step: (message: ChunkMessage, delivery: StepDelivery) => Promise<unknown>) => {
    return async (content: unknown, count = 1, hostTrace?: TraceContext): Promise<void> => {
      const message = parseMessage(tools, content)
      if (message && hasChunk(message)) await step(message, { count, hostTrace })
      else if (message) tools.log(`job ${messageJobFolder(message)}: dropped a chunk message without a chunk number`)
    }
  }
  const poisoned = {
    split: on(message => poisonedSplit(tools, message)),
    chunk: onChunk(message => poisonedChunk(tools, message)),
    finish: on(message => poisonedFinish(tools, message)),
  }
  return {
    split: on(async (message, delivery) => runner.run(await perform({ queue: 'split', message }, delivery))),
    chunk: onChunk(async (message, delivery) => runner.run(await perform({ queue: 'chunk', message }, delivery))),
    finish: on((message, delivery) => perform({ queue: 'finish', message }, delivery)),
    poisoned: (step, message) => poisoned[step](message),
    reportDeaths: requests => reportDeaths(tools, requests),
    sweep: () => sweepJobs(tools, retention),
    runner,
  }
}

/**
 * Performs a step, as a part of the trace of its job.
 *
 * @param delivery  absent: within another step, which leaves a chunk less time than a message of its own
 * @returns the steps that follow
 */
function performStep(tools: StepTools, step: JobStep, delivery: StepDelivery | undefined): Promise<readonly JobStep[]> {
  const performed = traceStep(tools, step, delivery, async span => {
    const { queue, message } = step
    if (queue === 'split') return splitInput(tools, step, spec => new AheadScorer(tools, spec, span))
    if (queue === 'chunk' && hasChunk(message)) {
      const budgetMs = delivery ? tools.limits.chunkBudgetMs : tools.limits.ownChunkBudgetMs
      return scoreChunk(tools, { message, job: step.job, deliveryCount: delivery?.count ?? 1, budgetMs, span })
    }
    if (queue === 'finish') await finishJob(tools, step)
    return []
  })
  return noteFailure(tools, step, performed)
}

/** Shows in the status of a job why a step is tried again. */
async function noteFailure<T>({ store }: StepTools, { message }: JobStep, running: Promise<T>): Promise<T> {
  try {
    return await running
  } catch (failure) {
    await recordError(store, messageJobFolder(message), failure).catch(() => {}) // that storage fails is the likeliest failure
    throw failure
  }
}

function hasChunk(message: JobMessage): message is ChunkMessage {
  return message.chunk !== undefined
}

/** @returns undefined when it is not a message of the app, which is logged. No retry would help, so nothing is thrown. */
function parseMessage({ log }: StepTools, content: unknown): JobMessage | undefined {
  const { data } = JobMessage.safeParse(typeof content === 'string' ? parseJson(content) : content)
  if (data) return data
  log('dropped a message on a job queue that the app did not send')
  return undefined
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
