import type { Jobs } from '../../models/definition/job-watch.ts'
import type { BlobStore } from '../blob-store.ts'
import { parseBlobReference } from '../layout.ts'
import { isHidden, parsePattern } from './blob-pattern.ts'
import { isFolder } from './find-files.ts'
import { sha256 } from './job-request.ts'

/**
 * The submission for a blob that a service watches. Its id is a function of the version of the blob, so that the blob becomes one
 * job, however often it is reported.
 *
 * @param blob  `<container>/<path>`
 * @returns undefined when the blob does not match, is a folder, or is gone
 */
export async function submissionFor(
  store: BlobStore,
  { service, blob, jobs }: { readonly service: string; readonly blob: string; readonly jobs: Jobs },
): Promise<{ readonly jobId: string } | undefined> {
  const { watch, input, output, overwrite } = jobs
  const reference = parseBlobReference(blob)
  if (watch === undefined || !isWatched(watch, reference)) return undefined
  const head = await store.head(reference)
  if (!head || isFolder(head)) return undefined
  const jobId = `watch-${sha256(`${blob}\n${head.etag}`).slice(0, 40)}`
  const submission = { jobId, service, input: { blob, ...input } }
  return output === undefined
    ? submission
    : ({ ...submission, output: { blob: output, overwrite } } as typeof submission)
}

function isWatched(watch: string, { container, path }: ReturnType<typeof parseBlobReference>): boolean {
  const pattern = parsePattern(watch)
  return pattern.container === container && pattern.matches(path) && !isHidden(path, pattern)
}
