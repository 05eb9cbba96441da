import { asJobFailure } from '../failure.ts'
import { activeBlob, chunkInputBlob, type JobFolder } from '../layout.ts'
import { type JobMessage, jobMessage, messageJobFolder } from '../message-queues.ts'
import { isActive, type OpenJob, openJob } from '../open-job.ts'
import { totalsWhenAllDone } from '../output/done-parts.ts'
import { failJob } from '../output/end-job.ts'
import { commitPart, listPlan, type PlanPart, readPart } from '../plan-parts.ts'
import { type PlannedChunk, planStart } from '../planned-chunk.ts'
import { changeState, readState } from '../records.ts'
import { openInput, type PlanTools, planOptions } from './job-input.ts'
import { planChunks } from './plan-chunks.ts'

/**
 * Plans the chunks of a job, from where the plan ends on. Two who split at the same time write the same bytes.
 *
 * @throws what a retry may heal
 */
export async function splitInput(tools: PlanTools, message: JobMessage): Promise<void> {
  const { store, queues, clock } = tools
  const folder = messageJobFolder(message)
  const job = await openJob(tools, folder)
  if (!job) return
  const startedAt = new Date(clock.wallMs()).toISOString()
  const state = await changeState(store, folder, ['NotStarted'], 'Running', { startedAt })
  if (state?.status !== 'Running') return
  // Without it nobody would bring back what is lost from here on.
  await store.create(activeBlob(folder), '', { service: job.spec.service })
  try {
    const isComplete = await continuePlan(tools, { spec: job.spec, state })
    if (!isComplete) return
  } catch (failure) {
    const fatal = asJobFailure(failure, job.spec)
    if (!fatal) throw failure
    return failJob(tools, job, fatal)
  }
  // The end of the plan may be known only after all its chunks are done; and without chunks nobody else looks.
  if (await totalsWhenAllDone(store, folder)) await queues.send('finish', jobMessage(folder))
}

/** @returns whether the plan is complete; otherwise somebody goes on, or the job is not wanted any more */
async function continuePlan(tools: PlanTools, { spec }: OpenJob): Promise<boolean> {
  const { store, queues, clock, limits } = tools
  const { folder } = spec
  const deadline = clock.monotonicMs() + limits.budgetMs
  for await (const part of partsToPlan(tools, spec)) {
    const isOurs = await commitPart(store, folder, part)
    // Of two splitters one begins; where it died in between, the sweeper does.
    if (isOurs && part.part === 0) await sendFirstChunks(tools, folder, part)
    if (part.isLast) return true
    // Looked at only after a part: every run makes the plan longer, however slow the input is.
    if (clock.monotonicMs() >= deadline) {
      await queues.send('split', jobMessage(folder))
      return false
    }
    if (!isActive(await readState(store, folder))) return false
  }
  return true
}

/** The rest of the plan. Which chunks are in which part depends on the input only, not on who began where. */
async function* partsToPlan(tools: PlanTools, spec: OpenJob['spec']): AsyncGenerator<PlanPart> {
  const { store, limits } = tools
  const { folder } = spec
  const known = (await listPlan(store, folder)).at(-1)
  if (known?.isLast) return
  let part = known ? known.part + 1 : 0
  let next = (known && (await readPart(store, folder, known.part)))?.next ?? planStart
  const read = await openInput(tools, spec)
  const options = await planOptions(tools, spec)
  let chunks: PlannedChunk[] = []
  for await (const { content, next: after, ...chunk } of planChunks(read, options, next)) {
    // Before the plan names it.
    if (content) await store.create(chunkInputBlob(folder, part, chunk.chunk), content)
    next = after
    chunks.push(chunk)
    if (chunks.length < limits.chunksPerPart) continue
    yield { part, chunks, next, isLast: false }
    part++
    chunks = []
  }
  yield { part, chunks, next, isLast: true }
}

/** Each hands on to the one that is a window later. */
async function sendFirstChunks(
  { queues, limits }: PlanTools,
  folder: JobFolder,
  { isLast, next }: PlanPart,
): Promise<void> {
  const count = isLast ? Math.min(limits.window, next.chunk) : limits.window
  for (let chunk = 0; chunk < count; chunk++) await queues.send('chunk', { ...jobMessage(folder), chunk })
}
