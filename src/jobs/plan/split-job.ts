import { stayActive } from '../active-jobs.ts'
import { asJobFailure } from '../failure.ts'
import { chunkKey } from '../kept-chunks.ts'
import { chunkInputBlob, type JobFolder, packedInputBlob, startedBlob } from '../layout.ts'
import { type JobMessage, type JobStep, jobMessage, messageJobFolder } from '../message-queues.ts'
import { isActive, type OpenJob, openJob, storedState } from '../open-job.ts'
import { headResult } from '../output/chunk-result.ts'
import { totalsWhenAllDone } from '../output/done-parts.ts'
import { failJob } from '../output/end-job.ts'
import {
  commitPart,
  type ListedPart,
  listPlan,
  type PlanCursor,
  type PlannedChunk,
  type PlanPart,
  planStart,
  readPart,
} from '../plan-parts.ts'
import { changeState, readState, swapState } from '../records.ts'
import type { JobSpec } from '../spec.ts'
import type { JobState } from '../state.ts'
import { untilEnd } from './chunk-builder.ts'
import { type PlanTools, planInput, planOptions } from './job-input.ts'

/** Scores the first chunks of a job while the others are planned. */
export interface AheadScoring {
  /** @param next  the position behind the chunk */
  offer(chunk: { readonly planned: PlannedChunk; readonly next: PlanCursor }): void
  /** Begins no further chunk. */
  stop(): void
}

/**
 * Plans the chunks of a job from the end of the existing plan on. Concurrent planners write the same bytes.
 *
 * @param step.job  a new one, with its active entry
 * @param scoreAhead  what scores the first chunks meanwhile
 * @returns the steps that follow at once
 * @throws failures after which a retry may succeed
 */
export async function splitInput(
  tools: PlanTools,
  { message, job: known }: Omit<JobStep, 'queue'>,
  scoreAhead: (spec: JobSpec) => AheadScoring,
): Promise<readonly JobStep[]> {
  const { store, cache, clock, limits } = tools
  const folder = messageJobFolder(message)
  const job = known ?? (await openJob(tools, folder))
  if (!job) return []
  const startedAt = new Date(await store.now()).toISOString()
  const start = { from: ['NotStarted'], to: 'Running', startedAt } as const
  const stored = storedState(job)
  const swapped = stored && (await swapState(store, folder, start, stored))
  if (known && !swapped) return splitInput(tools, { message }, scoreAhead) // it has changed since
  const state = swapped?.value ?? (await changeState(store, folder, start))
  // The previous receiver may have died in the steps that followed.
  if (state?.status !== 'Running') return state ? [{ queue: 'finish', message: jobMessage(folder) }] : []
  if (known) cache.storeSpec(job.spec)
  // Without this entry the sweeper would not see the job.
  else await stayActive(store, job.spec)
  const readAt = clock.monotonicMs()
  const knownJob = (): OpenJob | undefined => {
    // Chunks look for a new status as often as that, too.
    const isNew = clock.monotonicMs() - readAt < limits.pollMs
    return swapped && isNew ? { spec: job.spec, state, etag: swapped.etag } : undefined
  }
  // If a row of the first chunks ends the process, the next planner scores none, so that it comes to the end of the part.
  const isFirst = job.state.status === 'NotStarted' && state.startedAt === startedAt
  const ahead = isFirst ? scoreAhead(job.spec) : undefined
  const steps: JobStep[] = []
  try {
    const isComplete = await continuePlan(tools, { spec: job.spec, message, state, isFirst, ahead, steps, knownJob })
    if (!isComplete) return steps
  } catch (failure) {
    const fatal = asJobFailure(failure, job.spec)
    if (!fatal) throw failure
    await failJob(tools, job, fatal)
    return []
  } finally {
    ahead?.stop()
  }
  if (steps.length > 0) return steps // the last of them finishes the job
  // All chunks may be done before the end of the plan is known. A job without chunks has no other step to finish it.
  return (await totalsWhenAllDone(store, folder)) ? [{ queue: 'finish', message: jobMessage(folder) }] : []
}

interface Planning {
  readonly spec: JobSpec
  readonly message: JobMessage
  readonly state: JobState
  /** The job has just been started here, so it has no plan. */
  readonly isFirst: boolean
  readonly ahead: AheadScoring | undefined
  /** Gets the steps that follow at once. */
  readonly steps: JobStep[]
  /** @returns the job, if its state was read a short time ago */
  knownJob(): OpenJob | undefined
}

/** @returns whether the plan is complete; otherwise another run continues, or the job is no longer active */
async function continuePlan(tools: PlanTools, planning: Planning): Promise<boolean> {
  const { store, queues, clock, limits, stopping } = tools
  const { spec, message, state, isFirst, ahead, steps, knownJob } = planning
  const { folder } = spec
  const deadline = clock.monotonicMs() + limits.budgetMs
  const plan = isFirst ? [] : await listPlan(store, folder)
  // A message that its planner has sent itself follows on the first chunks.
  if (plan.length > 0 && !message.isContinued) steps.push(...(await resumeFirstChunks(tools, { message, state })))
  for await (const part of partsToPlan(tools, spec, { lastPart: plan.at(-1), ahead })) {
    ahead?.stop() // the messages of the chunks do the rest
    const isOurs = await commitPart(store, folder, part)
    if (!isOurs) await requireSamePart(store, folder, part)
    if (part.part === 0) {
      // Only the planner that commits the first part starts the first chunks.
      if (isOurs) {
        const own = await startFirstChunks(tools, spec, part)
        const job = knownJob()
        steps.push(...own.map(step => ({ ...step, ...(job && { job }) })))
      } else await lookAgain(tools, folder)
    }
    if (part.isLast) return true
    // Checked only after a part, so that every run makes the plan longer, however slow the input is.
    if (stopping.aborted || clock.monotonicMs() >= deadline) {
      await queues.send('split', { ...jobMessage(folder), isContinued: true })
      return false
    }
    if (!isActive(await readState(store, folder))) return false
  }
  return true
}

/**
 * Another version of the app may divide the input otherwise. The rest of a plan must continue the parts that are stored.
 *
 * @throws Error; a retry continues them
 */
async function requireSamePart(store: PlanTools['store'], folder: JobFolder, { part, next }: PlanPart): Promise<void> {
  const stored = await readPart(store, folder, part)
  if (stored?.next.row === next.row && stored.next.chunk === next.chunk) return
  throw new Error(`part ${part} of the plan was written by another version of the app`)
}

/** Yields the rest of the plan. Its parts depend on the input only, not on where a run begins. */
async function* partsToPlan(
  tools: PlanTools,
  spec: JobSpec,
  { lastPart, ahead }: { readonly lastPart: ListedPart | undefined; readonly ahead: AheadScoring | undefined },
): AsyncGenerator<PlanPart> {
  const { store, limits } = tools
  const { folder } = spec
  if (lastPart?.isLast) return
  let part = lastPart ? lastPart.part + 1 : 0
  const planned = lastPart && (await readPart(store, folder, lastPart.part))
  const { predictions, ...options } = await planOptions(tools, spec)
  let next: PlanCursor = planned?.next ?? { ...planStart, predictions }
  let chunks: PlannedChunk[] = []
  const inputChunks = planInput(tools, spec, options, next)
  const toEnd = (end: PlanCursor) => {
    next = end
  }
  for await (const { content, text, next: after, ...chunk } of untilEnd(inputChunks, toEnd)) {
    const planned = { ...chunk, ...(after.isDecoded && { isDecoded: true as const }) }
    // The content must exist before the plan names the chunk.
    const contentBlob = chunk.isPacked ? packedInputBlob : chunkInputBlob
    if (content) await store.create(contentBlob(folder, part, chunk.chunk), content)
    const kept = text ?? (content && [content])
    if (kept) {
      const bytes = kept.reduce((sum, { byteLength }) => sum + byteLength, 0)
      if (tools.texts.put(chunkKey(spec, chunk.chunk), kept, bytes)) ahead?.offer({ planned, next: after })
    }
    next = after
    chunks.push(planned)
    if (chunks.length < limits.chunksPerPart) continue
    yield { part, chunks, next, isLast: false }
    part++
    chunks = []
  }
  yield { part, chunks, next, isLast: true }
}

/** A job of so few chunks is not spread over hosts: it takes less time than the messages. */
const maxOwnChunks = 4

/** The chunks of the first window. Each goes on with the chunk that is a window later. */
interface FirstChunks {
  /** Those that the planner scores itself: one, or all of a small job; none while the plan is not complete. */
  readonly own: readonly ChunkStep[]
  readonly others: readonly ChunkStep[]
}

type ChunkStep = JobStep & { readonly message: { readonly chunk: number } }

function firstChunks({ limits }: PlanTools, folder: JobFolder, { isLast, next }: PlanPart): FirstChunks {
  const count = isLast ? Math.min(limits.window, next.chunk) : limits.window
  const ownCount = !isLast || limits.runOnMs === 0 ? 0 : count <= maxOwnChunks ? count : 1
  const steps = Array.from({ length: count }, (_, chunk): ChunkStep => {
    return { queue: 'chunk', message: { ...jobMessage(folder), chunk } }
  })
  return { own: steps.slice(0, ownCount), others: steps.slice(ownCount) }
}

/** @returns the chunks that this invocation scores itself */
async function startFirstChunks(tools: PlanTools, spec: JobSpec, part: PlanPart): Promise<readonly JobStep[]> {
  const { folder } = spec
  const { own, others } = firstChunks(tools, folder, part)
  tools.cache.storePart(spec, part)
  for (const { queue, message } of others) await tools.queues.send(queue, message)
  if (others.length > 0) await tools.store.create(startedBlob(folder), '')
  for (const { message } of own) tools.cache.storeOwn(spec, message.chunk)
  return own
}

/** Another planner starts the first chunks at this moment. It may die meanwhile, and have had this message too. */
async function lookAgain({ queues, limits }: PlanTools, folder: JobFolder): Promise<void> {
  await queues.send('split', { ...jobMessage(folder), isRetry: true }, limits.safetyNetMs / 1000)
}

/**
 * Completes what the previous receiver of the message may have left undone behind the first part of the plan. If it died in its own
 * chunks, one of their rows may be the reason. Beside a planner that has just begun, because the message or the submission came twice,
 * that would be done twice, so it is left for later.
 *
 * @returns the chunks that this invocation scores itself, or goes on behind
 */
async function resumeFirstChunks(
  tools: PlanTools,
  { message, state: { startedAt = '' } }: Pick<Planning, 'message' | 'state'>,
): Promise<readonly JobStep[]> {
  const { store, queues, limits } = tools
  const folder = messageJobFolder(message)
  const hasJustBegun = (await store.now()) - Date.parse(startedAt) < limits.safetyNetMs / 2
  if (hasJustBegun && !message.isRetry) {
    await lookAgain(tools, folder)
    return []
  }
  const part = await readPart(store, folder, 0)
  if (!part) return []
  const { own, others } = firstChunks(tools, folder, part)
  if (others.length > 0 && !(await store.head(startedBlob(folder)))) {
    for (const { queue, message } of others) {
      if (!(await headResult(tools, folder, message.chunk))) await queues.send(queue, message)
    }
    await store.create(startedBlob(folder), '')
  }
  return own.map(({ queue, message }) => ({ queue, message: { ...message, isRetry: true } }))
}
