import { type BlobStore, readJson } from '../blob-store.ts'
import type { JobQueue } from '../job-queues.ts'
import { type JobFolder, sweepBlob } from '../layout.ts'
import type { JobLimits } from '../limits.ts'
import type { JobMessage } from '../message-queues.ts'

/** A message that the sweeper assumes to be lost. */
export interface LostMessage {
  readonly queue: JobQueue
  readonly message: JobMessage
  /** The step that it continues, e.g. `slot 3`. One message for each subject is sent at a time. */
  readonly subject: string
  /** Progress of the subject. When it changes, the pauses start over. */
  readonly stage: string | number
}

interface SentMessage {
  readonly stage: string | number
  readonly times: number
  /** Milliseconds since 1970, by the clock of the storage. */
  readonly at: number
}

/**
 * Chooses the messages that are due, and records them before they are sent: only one of two concurrent sweepers sends, and one
 * that dies in between costs a pause. Pauses double, so that copies do not fill a queue that is merely deep.
 *
 * @param now  by the clock of the storage
 */
export async function chooseDue(
  { store, limits }: { readonly store: BlobStore; readonly limits: JobLimits },
  folder: JobFolder,
  { lost, now }: { readonly lost: readonly LostMessage[]; readonly now: number },
): Promise<LostMessage[]> {
  const reference = sweepBlob(folder)
  const memory = await readJson<Record<string, SentMessage>>(store, reference)
  const sent = memory?.value ?? {}
  const due = lost.filter(({ subject, stage }) => {
    const last = sent[subject]
    return last?.stage !== stage || now - last.at >= pauseAfter(last.times, limits)
  })
  if (due.length === 0) return []
  for (const { subject, stage } of due) {
    const last = sent[subject]
    sent[subject] = { stage, times: last?.stage === stage ? last.times + 1 : 1, at: now }
  }
  const text = JSON.stringify(sent)
  const isOurs = memory ? await store.replace(reference, text, memory.etag) : await store.create(reference, text)
  return isOurs ? due : []
}

function pauseAfter(times: number, { stallMs, longestPauseMs }: JobLimits): number {
  return Math.min(longestPauseMs, stallMs * 2 ** (times - 1))
}
