import type { BlobStore } from '../blob-store.ts'
import { type JobFolder, sweepBlob } from '../layout.ts'
import type { JobLimits } from '../limits.ts'
import type { JobMessage, JobQueue } from '../message-queues.ts'

/** A message that the sweeper thinks was lost. */
export interface LostMessage {
  readonly queue: JobQueue
  readonly message: JobMessage
  /** What it brings on: one such thing is asked for at a time, e.g. `slot 3`. */
  readonly subject: string
  /** How far that is; when it gets further, the pauses begin anew. */
  readonly stage: string | number
}

interface Remembered {
  readonly stage: string | number
  readonly times: number
  /** Milliseconds since 1970, by the clock of the storage. */
  readonly at: number
}

/**
 * Chooses the revivals that are due and remembers them, before anything is sent: of two sweepers one sends, and one that dies
 * in between costs a pause. Pauses double, so that a queue that is only deep does not fill with copies.
 *
 * @param now  by the clock of the storage
 */
export async function chooseDue(
  store: BlobStore,
  folder: JobFolder,
  revivals: readonly LostMessage[],
  now: number,
  limits: JobLimits,
): Promise<LostMessage[]> {
  const blob = await store.readWhole(sweepBlob(folder))
  const memory: Record<string, Remembered> = blob ? JSON.parse(Buffer.from(blob.content).toString()) : {}
  const due = revivals.filter(({ subject, stage }) => {
    const known = memory[subject]
    return known?.stage !== stage || now - known.at >= pauseAfter(known.times, limits)
  })
  if (due.length === 0) return []
  for (const { subject, stage } of due) {
    const known = memory[subject]
    memory[subject] = { stage, times: known?.stage === stage ? known.times + 1 : 1, at: now }
  }
  const text = JSON.stringify(memory)
  const place = sweepBlob(folder)
  const isOurs = blob ? await store.replace(place, text, blob.etag) : await store.create(place, text)
  return isOurs ? due : []
}

function pauseAfter(times: number, { stallMs, longestPauseMs }: JobLimits): number {
  return Math.min(longestPauseMs, stallMs * 2 ** (times - 1))
}
