/** Finds the files of a submission that names several. */
import { ScoringError } from '../../errors.ts'
import type { BlobStore, ListedBlob } from '../blob-store.ts'
import { type InputFile, maxFiles } from '../input-files.ts'
import { parseBlobReference } from '../layout.ts'
import type { InputFormat } from '../spec.ts'
import { isHidden, parsePattern } from './blob-pattern.ts'
import { formatInName, requireReadable } from './file-formats.ts'
import { invalidJob } from './job-invalid.ts'

/** Several files: those whose names match, in order of their names, or those of a list, in its order. */
export type FileSource = { readonly pattern: string } | { readonly blobs: readonly string[] }

/** Blobs that are looked at for a pattern. */
const maxListed = 500_000
const parallelHeads = 16

export interface FoundFiles {
  readonly files: readonly InputFile[]
  /** Names without the folder that all of them have in common, and without their endings. */
  readonly names: readonly string[]
  readonly isGzip: boolean
}

/**
 * @param given  format of all files; `isGzip` if the submission says so
 * @throws ScoringError JOB_INPUT_MISSING, JOB_INPUT_TOO_LARGE, JOB_INVALID when formats differ
 */
export async function findFiles(
  store: BlobStore,
  source: FileSource,
  given: { readonly format: InputFormat; readonly isGzip: boolean | undefined },
): Promise<FoundFiles> {
  const files = 'pattern' in source ? await listMatches(store, source.pattern) : await headAll(store, source.blobs)
  const isGzip = requireOneFormat(files, given)
  requireReadable(given.format, isGzip)
  const folder = 'pattern' in source ? parsePattern(source.pattern).folder : commonFolder(source.blobs.map(asPath))
  const names = files.map(({ blob }) => withoutEndings(asPath(blob).slice(folder.length)))
  return { files, names, isGzip }
}

async function listMatches(store: BlobStore, pattern: string): Promise<InputFile[]> {
  const { container, prefix, folder, matches } = parsePattern(pattern)
  const files: InputFile[] = []
  let listed = 0
  for await (const blob of store.list(container, prefix)) {
    if (++listed > maxListed) throw tooMany(`more than ${maxListed} blobs begin with "${container}/${prefix}"`)
    const { path, etag, bytes } = blob
    if (!matches(path) || isHidden(path, { folder }) || isFolder(blob)) continue
    if (files.length === maxFiles) throw tooMany(`more than ${maxFiles} blobs match "${pattern}"`)
    files.push({ blob: `${container}/${path}`, etag, bytes })
  }
  if (files.length > 0) return files
  throw new ScoringError('JOB_INPUT_MISSING', `input.blob: no blob matches "${pattern}"`)
}

function tooMany(what: string): ScoringError {
  return new ScoringError(
    'JOB_INPUT_TOO_LARGE',
    `input.blob: ${what}; choose a narrower pattern, and submit several jobs`,
  )
}

/** Storage with folders lists them as empty blobs. */
export function isFolder({ bytes, metadata }: Pick<ListedBlob, 'bytes' | 'metadata'>): boolean {
  return bytes === 0 && metadata.hdi_isfolder === 'true'
}

async function headAll(store: BlobStore, blobs: readonly string[]): Promise<InputFile[]> {
  const files: InputFile[] = []
  for (let from = 0; from < blobs.length; from += parallelHeads) {
    const some = blobs.slice(from, from + parallelHeads)
    const heads = await Promise.all(some.map(blob => store.head(parseBlobReference(blob))))
    for (const [at, head] of heads.entries()) {
      const blob = some[at] as string
      if (!head) throw new ScoringError('JOB_INPUT_MISSING', `input.blobs: there is no blob "${blob}"`)
      files.push({ blob, etag: head.etag, bytes: head.bytes })
    }
  }
  return files
}

/** @returns whether the files are gzipped  @throws ScoringError JOB_INVALID */
function requireOneFormat(
  files: readonly InputFile[],
  { format, isGzip }: { readonly format: InputFormat; readonly isGzip: boolean | undefined },
): boolean {
  const other = files.find(({ blob }) => (formatInName(blob) ?? format) !== format)
  if (other)
    throw invalidJob(
      `input: "${other.blob}" is ${formatInName(other.blob)}, and the job reads ${format}; choose files of one format`,
    )
  if (isGzip !== undefined) return isGzip
  const [first] = files
  const isPacked = ({ blob }: InputFile) => /\.gz$/i.test(blob)
  const unlike = first && files.find(file => isPacked(file) !== isPacked(first))
  if (!unlike) return first !== undefined && isPacked(first)
  const [packed, plain] = isPacked(first) ? [first, unlike] : [unlike, first]
  throw invalidJob(`input: "${packed.blob}" is gzipped, and "${plain.blob}" is not; submit them in two jobs`)
}

function asPath(blob: string): string {
  return blob.slice(blob.indexOf('/') + 1)
}

function commonFolder(paths: readonly string[]): string {
  let folder = paths[0]?.slice(0, (paths[0]?.lastIndexOf('/') ?? -1) + 1) ?? ''
  for (const path of paths) while (!path.startsWith(folder)) folder = folder.replace(/[^/]*\/$/, '')
  return folder
}

function withoutEndings(path: string): string {
  return path.replace(/\.gz$/i, '').replace(/(?<=[^/])\.[A-Za-z0-9]+$/, '')
}
