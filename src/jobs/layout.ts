/**
 * Where a job keeps what it knows, in its folder `<service>/<jobId>` of the container `jobs`:
 *
 *     <folder>/spec.json                what was asked for; written once
 *     <folder>/state.json               how it stands; changed by comparing versions
 *     <folder>/rows-<hash>.jsonl        rows that came inline
 *     <folder>/input-signature          query of an input URL (a secret); removed when the job ends
 *     <folder>/plan/<part>              chunks of the input, `chunksPerPart` each; written once
 *     <folder>/in/<part>/<chunk>        the chunk's input, where the input cannot be read in ranges; written once
 *     <folder>/out/<part>/<chunk>       the chunk's lines; written once, with its counts as metadata
 *     <folder>/done/<part>              sums of a part whose chunks are all there; written once
 *     <folder>/careful/<part>/<chunk>/… trail of a chunk whose process has died before, or that takes long
 *     <folder>/joined/<from>-<to>       results that were staged again as one block of the output; written once
 *     <folder>/sweep.json               what the sweeper sent again, and when
 *     <folder>/result.json              the final counts; written once
 *     <folder>/predictions.jsonl        the output, unless another place was asked for
 *     _active/<folder>                  there while the job has not ended: what the sweeper looks at
 *     _sweep                            written by each sweep, to learn the time of the storage
 *     _services/<service>/<time>_<jobId>  for lists, newest first
 *     _messages/<jobId>/spec.json       what came of a message that names no service that there is
 */
import type { BlobReference } from './blob-store.ts'

export const jobsContainer = 'jobs'

const inJobs = (path: string): BlobReference => ({ container: jobsContainer, path })
const numbered = (n: number): string => String(n).padStart(7, '0')
const inPart = (part: number, chunk: number): string => `${numbered(part)}/${numbered(chunk)}`

/** Of one job; no other has the same. */
export type JobFolder = string & { readonly [isFolder]: true }
declare const isFolder: unique symbol

/** Ids are the callers' own, so two services may use the same one. */
export const jobFolder = (service: string, jobId: string): JobFolder => `${service}/${jobId}` as JobFolder
/** Of a job from before ids belonged to services (0.1.0): such jobs still come to their end. */
export const oldJobFolder = (jobId: string): JobFolder => jobId as JobFolder
/** Services begin with a letter. */
export const messageFolder = (jobId: string): JobFolder => `_messages/${jobId}` as JobFolder

export const specBlob = (folder: JobFolder) => inJobs(`${folder}/spec.json`)
export const stateBlob = (folder: JobFolder) => inJobs(`${folder}/state.json`)
export const inlineRowsBlob = (folder: JobFolder, hash: string) => inJobs(`${folder}/rows-${hash}.jsonl`)
export const signatureBlob = (folder: JobFolder) => inJobs(`${folder}/input-signature`)
export const planPrefix = (folder: JobFolder) => `${folder}/plan/`
export const planPartBlob = (folder: JobFolder, part: number) => inJobs(planPrefix(folder) + numbered(part))
export const chunkInputBlob = (folder: JobFolder, part: number, chunk: number) =>
  inJobs(`${folder}/in/${inPart(part, chunk)}`)
/** Of all parts, or of one. */
export const resultsPrefix = (folder: JobFolder, part?: number) =>
  part === undefined ? `${folder}/out/` : `${folder}/out/${numbered(part)}/`
export const chunkResultBlob = (folder: JobFolder, part: number, chunk: number) =>
  inJobs(`${folder}/out/${inPart(part, chunk)}`)
export const donePrefix = (folder: JobFolder) => `${folder}/done/`
export const donePartBlob = (folder: JobFolder, part: number) => inJobs(donePrefix(folder) + numbered(part))
const attemptPrefix = (folder: JobFolder, part: number, chunk: number) => `${folder}/careful/${inPart(part, chunk)}/`
export const attemptBlob = (folder: JobFolder, part: number, chunk: number, name: string) =>
  inJobs(attemptPrefix(folder, part, chunk) + name)
export const joinedPrefix = (folder: JobFolder) => `${folder}/joined/`
export const joinedBlob = (folder: JobFolder, from: number, to: number) =>
  inJobs(`${joinedPrefix(folder)}${numbered(from)}-${numbered(to)}`)
export const sweepBlob = (folder: JobFolder) => inJobs(`${folder}/sweep.json`)
export const finalCountsBlob = (folder: JobFolder) => inJobs(`${folder}/result.json`)
export const activePrefix = '_active/'
/** Of the jobs of one service. */
export const activePrefixFor = (service: string) => `${activePrefix}${service}/`
export const activeBlob = (folder: JobFolder) => inJobs(activePrefix + folder)
export const sweepClockBlob = inJobs('_sweep')
export const listPrefix = (service: string) => `_services/${service}/`
/** Newest first, because blobs are listed by name. @param createdAt  milliseconds since 1970 */
export const listEntryBlob = (service: string, createdAt: number, jobId: string) =>
  inJobs(`${listPrefix(service)}${String(9_999_999_999_999 - createdAt).padStart(13, '0')}_${jobId}`)

/** @param path  of an entry under `_active/` */
export const activeJobFolder = (path: string): JobFolder => path.slice(activePrefix.length) as JobFolder

/** The number at the end of a path: of a part, or of a chunk. */
export const lastNumber = (path: string): number => Number(path.slice(path.lastIndexOf('/') + 1))

/** @param blob  `<container>/<path>` */
export function parseBlobReference(blob: string): BlobReference {
  const slash = blob.indexOf('/')
  return { container: blob.slice(0, slash), path: blob.slice(slash + 1) }
}
