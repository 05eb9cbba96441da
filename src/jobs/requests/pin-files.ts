/** Pins the files of a job that has several: their versions are listed in a blob of the job. */
import { ScoringError } from '../../errors.ts'
import type { BlobStore } from '../blob-store.ts'
import { encodeFiles, type InputFile } from '../input-files.ts'
import { fileListBlob, parseBlobReference } from '../layout.ts'
import type { JobSpec } from '../spec.ts'
import { blobNameFault } from './blob-name.ts'
import { type FileSource, findFiles } from './find-files.ts'
import { invalidJob } from './job-invalid.ts'
import { type JobRequest, sha256 } from './job-request.ts'
import { requireBytes, requireFewBytes } from './require-bytes.ts'

type FilesOfRequest = Extract<JobRequest['source'], { readonly files: unknown }>
type PinnedFiles = Pick<JobSpec['input'], 'place' | 'etag' | 'bytes' | 'isGzip' | 'fileCount'>

/** @throws ScoringError JOB_INPUT_MISSING, JOB_INPUT_EMPTY, JOB_INPUT_TOO_LARGE, JOB_INVALID, JOB_OUTPUT_EXISTS */
export async function pinFiles(
  store: BlobStore,
  request: JobRequest,
  source: FilesOfRequest,
  maxBytes: number,
): Promise<PinnedFiles> {
  const { files, isGzip } = await findRequested(store, request, source)
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0)
  requireFewBytes(bytes, maxBytes)
  for (const { blob, bytes } of files) requireBytes({ format: source.format, isGzip }, bytes, `input: "${blob}"`)
  if (request.output.isPerFile && !request.output.overwrite) await requireNewOutputs(store, request.output.blob, files)
  const list = encodeFiles(files)
  const etag = sha256(list)
  const { container, path } = fileListBlob(request.folder, etag)
  await store.create({ container, path }, list)
  const place = { files: `${container}/${path}`, name: nameSource(source.files) }
  return { place, etag, bytes, isGzip, fileCount: files.length }
}

/** @returns the version that the input has now; undefined when it cannot be read */
export async function findFilesVersion(
  store: BlobStore,
  request: JobRequest,
  source: FilesOfRequest,
): Promise<string | undefined> {
  try {
    return sha256(encodeFiles((await findRequested(store, request, source)).files))
  } catch (failure) {
    if (failure instanceof ScoringError) return undefined
    throw failure
  }
}

async function findRequested(store: BlobStore, { output }: JobRequest, { files: source, ...given }: FilesOfRequest) {
  const found = await findFiles(store, source, { format: given.format, isGzip: given.givenGzip })
  return output.isPerFile ? { ...found, files: nameOutputs(output.blob, found.files, found.names) } : found
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
