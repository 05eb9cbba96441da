/** The last failure of a step that is tried again: why a job that has not ended makes no progress. */
import { ScoringError } from '../errors.ts'
import { type BlobStore, readJson, StorageError } from './blob-store.ts'
import { type JobFolder, lastErrorBlob } from './layout.ts'

export interface LastError {
  readonly code: string
  /** Without rows and secrets. */
  readonly message: string
  /** ISO 8601 */
  readonly at: string
}

export async function recordError(store: BlobStore, folder: JobFolder, failure: unknown): Promise<void> {
  const reference = lastErrorBlob(folder)
  const text = JSON.stringify({ ...describeFailure(failure), at: new Date(await store.now()).toISOString() })
  const last = await store.head(reference)
  await (last ? store.replace(reference, text, last.etag) : store.create(reference, text))
}

export async function readLastError(store: BlobStore, folder: JobFolder): Promise<LastError | undefined> {
  return (await readJson<LastError>(store, lastErrorBlob(folder)))?.value
}

/** Messages of other errors may hold anything. */
function describeFailure(failure: unknown): Pick<LastError, 'code' | 'message'> {
  if (failure instanceof ScoringError) return { code: failure.code, message: failure.message }
  if (failure instanceof StorageError) return { code: 'JOBS_UNAVAILABLE', message: failure.message }
  return { code: 'JOB_STEP_FAILED', message: 'a step failed and is tried again; the log of the app says why' }
}
