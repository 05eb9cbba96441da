/** Simulates users, who submit and cancel jobs through the app, and change blobs without it. */
import { activeBlob, parseBlobReference, specBlob } from '../../../src/jobs/layout.ts'
import type { JobStep } from '../../../src/jobs/message-queues.ts'
import { changeState, ensureStoredState } from '../../../src/jobs/records.ts'
import { hasEnded } from '../../../src/jobs/state.ts'
import { folder, inputBlob, type JobWorld, job, outputBlob } from './job-world.ts'

export const foreignText = 'written by another program'

/** Submits as JobStore does. The process may die at each of these calls. */
export function submit({ random, processes, spec, scenario, seen }: JobWorld): void {
  // Its message, which would come again, is not in this world.
  const isInMessage = random.isTrue(0.3) && scenario.hasSweeper
  const { tools, steps } = random.pick(processes)
  const { store } = tools
  const work = async () => {
    await store.create(activeBlob(folder), '')
    const isFirst = (await store.create(specBlob(folder), JSON.stringify(spec))) !== undefined
    const stored = await ensureStoredState(store, spec)
    if (stored?.value.status !== 'NotStarted') return
    await store.create(activeBlob(folder), '') // the sweeper may have removed it as an orphan
    seen.planners++
    const known = isFirst ? { job: { spec, state: stored.value, etag: stored.etag } } : {}
    const split: JobStep = { queue: 'split', message: job, ...known }
    if (isInMessage) await steps.runner.run([split])
    else (await steps.runner.prepare(split))()
  }
  work().catch(() => {})
}

/** @returns whether there was something to cancel */
export function cancel({ random, processes, state }: JobWorld): boolean {
  if (!state || hasEnded(state.status)) return false
  const { tools, steps } = random.pick(processes)
  const { store } = tools
  const work = async () => {
    await changeState(store, folder, { from: ['NotStarted', 'Running'], to: 'CancelRequested' })
    ;(await steps.runner.prepare({ queue: 'finish', message: job }))()
  }
  work().catch(() => {})
  return true
}

/** Does what the scenario has for this turn. */
export async function meddle(world: JobWorld, turn: number): Promise<void> {
  const { store, scenario, seen } = world
  const { cancelAt, changeInputAt, intruder, dropBlocksAt } = scenario
  const output = parseBlobReference(outputBlob)
  if (turn === cancelAt && cancel(world)) seen.cancels++
  if (turn === changeInputAt) {
    seen.inputChanges++
    store.put(parseBlobReference(inputBlob), '{"id":99,"kind":"ok"}\n')
  }
  if (turn === intruder?.at && store.text(output) === undefined) {
    seen.intruders++
    store.put(output, foreignText)
  }
  if (turn === intruder?.leavesAt && store.text(output) === foreignText) await store.remove(output)
  if (turn === dropBlocksAt) store.dropStagedBlocks(output)
}
