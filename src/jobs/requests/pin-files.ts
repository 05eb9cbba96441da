/** Pins the files of a job that has several: their versions are listed in a blob of the job. */
import { ScoringError } from '../../errors.ts'
import type { BlobStore } from '../blob-store.ts'
import { encodeFiles, type InputFile } from '../input-files.ts'
import { fileListBlob, parseBlobReference } from '../layout.ts'
import type { JobSpec } from '../spec.ts'
import { blobNameFault } from './blob-name.ts'
import { type FileSource, type FoundFiles, findFiles } from './find-files.ts'
import { invalidJob } from './job-invalid.ts'
import { type JobRequest, sha256 } from './job-request.ts'
import { requireOtherBlobs } from './other-blob.ts'
import { requireBytes, requireFewBytes } from './require-bytes.ts'

type FilesOfRequest = Extract<JobRequest['source'], { readonly files: unknown }>
type PinnedFiles = Pick<JobSpec['input'], 'place' | 'etag' | 'bytes' | 'isGzip' | 'fileCount'>

export interface PinLimits {
  readonly maxInputBytes: number
  /** What the service makes a job of each. */
  readonly watch: string | undefined
}

/** @throws ScoringError JOB_INPUT_MISSING, JOB_INPUT_EMPTY, JOB_INPUT_TOO_LARGE, JOB_INVALID, JOB_OUTPUT_EXISTS */
export async function pinFiles(
  store: BlobStore,
  request: JobRequest,
  source: FilesOfRequest,
  { maxInputBytes: maxBytes, watch }: PinLimits,
): Promise<PinnedFiles> {
  const { files: found, names, isGzip } = await findRequested(store, source)
  const { output } = request
  const files = output.isPerFile ? nameOutputs(output.blob, found, names) : found
  if (output.isPerFile) requireOtherBlobs(source.files, files, watch)
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  requireFewBytes(bytes, maxBytes)
  for (const { blob, bytes } of files) requireBytes({ format: source.format, isGzip }, bytes, `input: "${blob}"`)
  if (output.isPerFile && !output.overwrite) await requireNewOutputs(store, output.blob, files)
  const list = encodeFiles(files)
  const { container, path } = fileListBlob(request.folder, sha256(list))
  await store.create({ container, path }, list)
  const place = { files: `${container}/${path}`, name: nameSource(source.files) }
  return { place, etag: versionHash(found), bytes, isGzip, fileCount: files.length }
}

/** @returns the version that the input has now; undefined when it cannot be read */
export async function findFilesVersion(store: BlobStore, source: FilesOfRequest): Promise<string | undefined> {
  try {
    return versionHash((await findRequested(store, source)).files)
  } catch (failure) {
    if (failure instanceof ScoringError) return undefined
    throw failure
  }
}

/** Of the files as they are found: their outputs may have the date of the job in their names. */
function versionHash(files: readonly InputFile[]): string {
  return sha256(encodeFiles(files))
}

function findRequested(store: BlobStore, { files, format, givenGzip }: FilesOfRequest): Promise<FoundFiles> {
  return findFiles(store, files, { format, isGzip: givenGzip })
}

/** @throws ScoringError JOB_INVALID when two files would have one output, or one has a name that cannot be that of a blob */
function nameOutputs(template: string, files: readonly InputFile[], names: readonly string[]): InputFile[] {
  const inputs = new Map<string, string>()
  return files.map((file, at) => {
    const output = template.replaceAll('{name}', () => names[at] as string)
    const fault = blobNameFault(output)
    if (fault !== undefined)
      throw invalidJob(`output.blob: "${output}" for "${file.blob}" is no name of a blob: ${fault}`)
    const other = inputs.get(output)
    if (other !== undefined)
      throw invalidJob(`output.blob: "${other}" and "${file.blob}" would both be written to "${output}"`)
    inputs.set(output, file.blob)
    return { ...file, output }
  })
}

async function requireNewOutputs(store: BlobStore, template: string, files: readonly InputFile[]): Promise<void> {
  const outputs = new Set(files.map(({ output }) => output))
  const { container, path } = parseBlobReference(template.slice(0, template.indexOf('{name}')))
  for await (const { path: existing } of store.list(container, path)) {
    if (!outputs.has(`${container}/${existing}`)) continue
    const advice = 'choose other names, remove the blobs, or say "overwrite": true'
    throw new ScoringError(
      'JOB_OUTPUT_EXISTS',
      `output.blob: the blob "${container}/${existing}" already exists; ${advice}`,
    )
  }
}

function nameSource(source: FileSource): string {
  if ('pattern' in source) return source.pattern
  const [first, ...others] = source.blobs
  return others.length === 0 ? String(first) : `${first} and ${others.length} more`
}
