/** The files of a job that has several: a list that is pinned when the job is submitted. */
import { type BlobStore, readJson } from './blob-store.ts'
import { parseBlobReference } from './layout.ts'
import type { JobSpec } from './spec.ts'
import type { JobTools } from './tools.ts'

export interface InputFile {
  /** `<container>/<path>` */
  readonly blob: string
  readonly etag: string
  readonly bytes: number
  /** Where its predictions go, if each file has an output of its own: `<container>/<path>`. */
  readonly output?: string
}

/** Most files of a job. The list of them is held in memory: 100 to 2000 bytes for each. */
export const maxFiles = 10_000

/** The list as it is stored; its text is the version of the input. */
export function encodeFiles(files: readonly InputFile[]): string {
  return JSON.stringify({ files })
}

/** @returns undefined when the job has one input */
export async function readFiles(
  { store, cache }: Pick<JobTools, 'store' | 'cache'>,
  spec: JobSpec,
): Promise<readonly InputFile[] | undefined> {
  const { place } = spec.input
  return 'files' in place ? cache.files(spec, () => readList(store, place.files)) : undefined
}

async function readList(store: BlobStore, blob: string): Promise<readonly InputFile[]> {
  const list = await readJson<{ readonly files: readonly InputFile[] }>(store, parseBlobReference(blob))
  if (!list) throw new Error(`the list of files ${blob} was removed`)
  return list.value.files
}
