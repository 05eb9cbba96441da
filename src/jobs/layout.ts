/**
 * The blobs of a job, in its folder `<service>/<jobId>` of the container `jobs`:
 *
 *     <folder>/spec.json                the validated request; written once
 *     <folder>/state.json               status and times; replaced by compare and swap
 *     <folder>/rows-<hash>.jsonl        inline rows
 *     <folder>/input-signature          query of an input URL, a secret; removed when the job ends
 *     <folder>/plan/<part>              `chunksPerPart` chunks of the input; written once
 *     <folder>/started                  the first chunks have their messages
 *     <folder>/in/<part>/<chunk>        text of the chunk, if the input cannot be read in ranges; written once
 *     <folder>/packed/<part>/<chunk>    values of the chunk, if it is packed; written once
 *     <folder>/out/<part>/<chunk>       result lines of the chunk, with counts as metadata; written once
 *     <folder>/done/<part>              totals of a part whose chunks are all done; written once
 *     <folder>/careful/<part>/<chunk>/… attempt log of a chunk: results of its first rows, and attempts that may have ended a process
 *     <folder>/joined/<from>-<to>       results that were staged as one block of the output; written once
 *     <folder>/files-<hash>.json        list of the input's files, if there are several; written once
 *     <folder>/written/<file>           the outputs of 16 files, from this one on, are committed; written once
 *     <folder>/rescored/<chunk>         a chunk whose result was removed; how often it was scored again
 *     <folder>/sweep.json               messages that the sweeper has re-enqueued, and when
 *     <folder>/event.json               whether the event of the job's end was sent
 *     <folder>/event-signature          query of the address of that event, a secret; removed once it was sent
 *     <folder>/last-error.json          last failure of a step that is tried again
 *     <folder>/result.json              final counts; written once
 *     <folder>/predictions.jsonl        the output, unless the request names another blob
 *     _uploads/<id>                     file that came with the submission; removed when the job ends
 *     _active/<folder>                  exists while the job has not ended; read by the sweeper
 *     _events/<folder>                  exists while the event of the job's end is to be sent; read by the sweeper
 *     _deleting/<folder>                exists while the blobs of a deleted job are removed; read by the sweeper
 *     _deleted/<folder>                 a deleted job, whose id is not free yet: `spec.json` says so, and its state still shows an end
 *     _services/<service>/<time>_<jobId>  list entry; newest first; shows the job in its metadata once it has ended
 *     _messages/<jobId>/spec.json       failed job of a message that names no existing service
 */
import type { BlobReference } from './blob-store.ts'

export const jobsContainer = 'jobs'

const inJobs = (path: string): BlobReference => ({ container: jobsContainer, path })
const numbered = (n: number): string => String(n).padStart(7, '0')
const inPart = (part: number, chunk: number): string => `${numbered(part)}/${numbered(chunk)}`

/** `<service>/<jobId>`, unique for each job. */
export type JobFolder = string & { readonly [isFolder]: true }
declare const isFolder: unique symbol

/** Callers choose ids, so two services may use the same one. */
export const jobFolder = (service: string, jobId: string): JobFolder => `${service}/${jobId}` as JobFolder
/** Folder of a job of version 0.1.0, whose ids did not belong to a service. Such jobs are still completed. */
export const oldJobFolder = (jobId: string): JobFolder => jobId as JobFolder
/** Names of services begin with a letter, so no service is called `_messages`. */
export const messagePrefix = '_messages/'
export const messageFolder = (jobId: string): JobFolder => `${messagePrefix}${jobId}` as JobFolder

export const specBlob = (folder: JobFolder) => inJobs(`${folder}/spec.json`)
export const stateBlob = (folder: JobFolder) => inJobs(`${folder}/state.json`)
const inlineRowsPrefix = (folder: JobFolder) => `${folder}/rows-`
export const inlineRowsBlob = (folder: JobFolder, hash: string) => inJobs(`${inlineRowsPrefix(folder)}${hash}.jsonl`)
/** @param blob  `<container>/<path>` of an input */
export const isInlineRowsBlob = (folder: JobFolder, blob: string): boolean =>
  blob.startsWith(`${jobsContainer}/${inlineRowsPrefix(folder)}`)
export const fileListBlob = (folder: JobFolder, hash: string) => inJobs(`${folder}/files-${hash}.json`)
export const signatureBlob = (folder: JobFolder) => inJobs(`${folder}/input-signature`)
export const uploadPrefix = '_uploads/'
/** The file of a submission, whose job is not known before all of it has come. @param id  e.g. a UUID */
export const uploadBlob = (id: string) => inJobs(uploadPrefix + id)
/** @param blob  `<container>/<path>` @returns the file of a submission; undefined when it is another blob */
export function asUpload(blob: string): BlobReference | undefined {
  return blob.startsWith(`${jobsContainer}/${uploadPrefix}`) ? parseBlobReference(blob) : undefined
}
export const planPrefix = (folder: JobFolder) => `${folder}/plan/`
export const planPartBlob = (folder: JobFolder, part: number) => inJobs(planPrefix(folder) + numbered(part))
export const startedBlob = (folder: JobFolder) => inJobs(`${folder}/started`)
export const chunkInputBlob = (folder: JobFolder, part: number, chunk: number) =>
  inJobs(`${folder}/in/${inPart(part, chunk)}`)
export const packedInputBlob = (folder: JobFolder, part: number, chunk: number) =>
  inJobs(`${folder}/packed/${inPart(part, chunk)}`)
/** Prefix of all results, or of those of one part. */
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
export const writtenPrefix = (folder: JobFolder) => `${folder}/written/`
export const writtenBlob = (folder: JobFolder, file: number) => inJobs(writtenPrefix(folder) + numbered(file))
export const rescoredBlob = (folder: JobFolder, chunk: number) => inJobs(`${folder}/rescored/${numbered(chunk)}`)
export const sweepBlob = (folder: JobFolder) => inJobs(`${folder}/sweep.json`)
export const eventBlob = (folder: JobFolder) => inJobs(`${folder}/event.json`)
export const eventSignatureBlob = (folder: JobFolder) => inJobs(`${folder}/event-signature`)
export const lastErrorBlob = (folder: JobFolder) => inJobs(`${folder}/last-error.json`)
export const finalCountsBlob = (folder: JobFolder) => inJobs(`${folder}/result.json`)
export const activePrefix = '_active/'
/** Prefix of the active jobs of one service. */
export const activePrefixFor = (service: string) => `${activePrefix}${service}/`
export const activeBlob = (folder: JobFolder) => inJobs(activePrefix + folder)
export const servicesPrefix = '_services/'
export const listPrefix = (service: string) => `${servicesPrefix}${service}/`
/** Sorts newest first, because blobs are listed by name. @param createdAt  milliseconds since 1970 */
export const listEntryBlob = (service: string, createdAt: number, jobId: string) =>
  inJobs(`${listPrefix(service)}${String(latestTime - createdAt).padStart(13, '0')}_${jobId}`)
const latestTime = 9_999_999_999_999
/** @param name  of an entry below `listPrefix`  @returns when its job was created, in milliseconds since 1970 */
export const listEntryTime = (name: string): number => latestTime - Number(name.slice(0, name.indexOf('_')))

/** Prefixes of entries that the sweeper reads; an entry is named by the folder of its job. */
export const entryPrefixes = { events: '_events/', deleting: '_deleting/', deleted: '_deleted/' } as const
export type EntryKind = keyof typeof entryPrefixes
export const entryBlob = (kind: EntryKind, folder: JobFolder) => inJobs(entryPrefixes[kind] + folder)
/** @param path  of an entry */
export const entryFolder = (kind: EntryKind, path: string): JobFolder =>
  path.slice(entryPrefixes[kind].length) as JobFolder

/** @param path  of an entry under `_active/` */
export const activeJobFolder = (path: string): JobFolder => path.slice(activePrefix.length) as JobFolder

/** The number of a part or chunk at the end of a path. */
export const lastNumber = (path: string): number => Number(path.slice(path.lastIndexOf('/') + 1))

/** @param blob  `<container>/<path>` */
export function parseBlobReference(blob: string): BlobReference {
  const slash = blob.indexOf('/')
  return { container: blob.slice(0, slash), path: blob.slice(slash + 1) }
}
