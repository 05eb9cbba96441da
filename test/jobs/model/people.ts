/** What people do to jobs, by processes of the app or behind its back. */
import { activeBlob, parseBlobReference, specBlob } from '../../../src/jobs/layout.ts'
import { changeState, ensureState } from '../../../src/jobs/records.ts'
import { hasEnded } from '../../../src/jobs/state.ts'
import { folder, inputBlob, type JobWorld, job, outputBlob } from './job-world.ts'

export const foreignText = 'written by somebody else'

/** As the desk does it; each of these calls may be the last one of its process. */
export function submit({ random, processes, spec }: JobWorld): void {
  const { store, queues } = random.pick(processes).tools
  const work = async () => {
    await store.create(activeBlob(folder), '')
    await store.create(specBlob(folder), JSON.stringify(spec))
    const state = await ensureState(store, spec)
    if (state?.status !== 'NotStarted') return
    await store.create(activeBlob(folder), '') // it may have waited so long that the sweeper took it for an orphan
    await queues.send('split', job)
  }
  work().catch(() => {})
}

/** @returns whether there was something to cancel */
export function cancel({ random, processes, state }: JobWorld): boolean {
  if (!state || hasEnded(state.status)) return false
  const { store, queues } = random.pick(processes).tools
  const work = async () => {
    await changeState(store, folder, { from: ['NotStarted', 'Running'], to: 'CancelRequested' })
    await queues.send('finish', job)
  }
  work().catch(() => {})
  return true
}

/** What the scenario has for this turn. */
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
