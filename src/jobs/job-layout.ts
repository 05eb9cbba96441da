/**
 * Where a job keeps what it knows, in the container `jobs`:
 *
 *     <jobId>/spec.json                what was asked for; written once
 *     <jobId>/state.json               how it stands; changed by comparing versions
 *     <jobId>/rows-<hash>.jsonl        rows that came inline
 *     <jobId>/input-signature          query of an input URL (a secret); removed when the job ends
 *     <jobId>/plan/<part>              chunks of the input, `chunksPerPart` each; written once
 *     <jobId>/in/<part>/<chunk>        the chunk's input, where the input cannot be read in ranges; written once
 *     <jobId>/out/<part>/<chunk>       the chunk's lines; written once, with its counts as metadata
 *     <jobId>/done/<part>              sums of a part whose chunks are all there; written once
 *     <jobId>/careful/<part>/<chunk>/… trail of a chunk whose process has died before, or that takes long
 *     <jobId>/joined/<from>-<to>       results that were staged again as one block of the output; written once
 *     <jobId>/sweep.json               what the sweeper sent again, and when
 *     <jobId>/result.json              the final counts; written once
 *     <jobId>/predictions.jsonl        the output, unless another place was asked for
 *     _active/<jobId>                  there while the job has not ended: what the sweeper looks at
 *     _sweep                           written by each sweep, to learn the time of the storage
 *     _services/<service>/<time>_<jobId>  for lists, newest first
 */
import type { BlobPlace } from './blob-store.ts'

export const jobsContainer = 'jobs'

const inJobs = (path: string): BlobPlace => ({ container: jobsContainer, path })
const numbered = (n: number): string => String(n).padStart(7, '0')
const inPart = (part: number, chunk: number): string => `${numbered(part)}/${numbered(chunk)}`

export const specPlace = (jobId: string) => inJobs(`${jobId}/spec.json`)
export const statePlace = (jobId: string) => inJobs(`${jobId}/state.json`)
export const inlineRowsPlace = (jobId: string, hash: string) => inJobs(`${jobId}/rows-${hash}.jsonl`)
export const signaturePlace = (jobId: string) => inJobs(`${jobId}/input-signature`)
export const planPrefix = (jobId: string) => `${jobId}/plan/`
export const planPlace = (jobId: string, part: number) => inJobs(planPrefix(jobId) + numbered(part))
export const chunkInputPlace = (jobId: string, part: number, chunk: number) =>
  inJobs(`${jobId}/in/${inPart(part, chunk)}`)
/** Of all parts, or of one. */
export const resultsPrefix = (jobId: string, part?: number) =>
  part === undefined ? `${jobId}/out/` : `${jobId}/out/${numbered(part)}/`
export const chunkResultPlace = (jobId: string, part: number, chunk: number) =>
  inJobs(`${jobId}/out/${inPart(part, chunk)}`)
export const donePrefix = (jobId: string) => `${jobId}/done/`
export const donePlace = (jobId: string, part: number) => inJobs(donePrefix(jobId) + numbered(part))
export const carefulPrefix = (jobId: string, part: number, chunk: number) => `${jobId}/careful/${inPart(part, chunk)}/`
export const carefulPlace = (jobId: string, part: number, chunk: number, name: string) =>
  inJobs(carefulPrefix(jobId, part, chunk) + name)
export const joinedPrefix = (jobId: string) => `${jobId}/joined/`
export const joinedPlace = (jobId: string, from: number, to: number) =>
  inJobs(`${joinedPrefix(jobId)}${numbered(from)}-${numbered(to)}`)
export const sweepPlace = (jobId: string) => inJobs(`${jobId}/sweep.json`)
export const resultPlace = (jobId: string) => inJobs(`${jobId}/result.json`)
export const activePrefix = '_active/'
export const activePlace = (jobId: string) => inJobs(activePrefix + jobId)
export const sweepClockPlace = inJobs('_sweep')
export const listPrefix = (service: string) => `_services/${service}/`
/** Newest first, because blobs are listed by name. @param createdAt  milliseconds since 1970 */
export const listedPlace = (service: string, createdAt: number, jobId: string) =>
  inJobs(`${listPrefix(service)}${String(9_999_999_999_999 - createdAt).padStart(13, '0')}_${jobId}`)

/** The number at the end of a path: of a part, or of a chunk. */
export const numberOf = (path: string): number => Number(path.slice(path.lastIndexOf('/') + 1))

/** @param blob  `<container>/<path>` */
export function placeOf(blob: string): BlobPlace {
  const slash = blob.indexOf('/')
  return { container: blob.slice(0, slash), path: blob.slice(slash + 1) }
}
