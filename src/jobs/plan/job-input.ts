import type { ReadableReference } from '../blob-store.ts'
import { chunkSize } from '../chunk-size.ts'
import { asInputFailure } from '../failure.ts'
import type { TableNames } from '../formats/row-shape.ts'
import type { ReadInput } from '../formats/text-source.ts'
import { type InputFile, readFiles } from '../input-files.ts'
import { parseBlobReference, signatureBlob } from '../layout.ts'
import { predictionParts } from '../line-form.ts'
import { ownNames } from '../output/result-lines.ts'
import type { PlanCursor } from '../plan-parts.ts'
import type { RowReading, RowSettings } from '../row-scorer.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import type { Chunks } from './chunk-builder.ts'
import { maxRowBytes, type PlanOptions, type PlanParquet, planChunks } from './plan-chunks.ts'
import { type PlannedFile, planFiles } from './plan-files.ts'

export interface PlanTools extends JobTools {
  /** Runs in a process of its own, because a damaged file can take all time and memory. */
  readonly planParquet: PlanParquet
}

/**
 * @param file  place in the list of files, if the job has several
 * @returns a function that reads the pinned version of the input, and throws BlobGone, BlobChanged, JobFailure
 */
export async function openInput(tools: JobTools, spec: JobSpec, file = 0): Promise<ReadInput> {
  const files = await readFiles(tools, spec)
  if (files) return openFile(tools, files[file] as InputFile).read
  const reference = await inputReference(tools, spec)
  return range => tools.store.read(reference, spec.input.etag, range)
}

/** The chunks of a job from `cursor` on. */
export async function* planInput(tools: PlanTools, spec: JobSpec, options: PlanOptions, cursor: PlanCursor): Chunks {
  const files = await readFiles(tools, spec)
  if (!files) return yield* planChunks(await openInput(tools, spec), options, cursor)
  return yield* planFiles(
    files.map(file => openFile(tools, file)),
    options,
    cursor,
  )
}

function openFile(tools: JobTools, { blob, etag, bytes }: InputFile): PlannedFile {
  const read: ReadInput = async function* (range) {
    try {
      yield* tools.store.read(parseBlobReference(blob), etag, range)
    } catch (failure) {
      throw asInputFailure(failure, blob) ?? failure
    }
  }
  return { name: blob, bytes, read }
}

export async function planOptions(
  { scorer, planParquet, limits, stopping }: PlanTools,
  spec: JobSpec,
): Promise<PlanOptions & Required<Pick<PlanCursor, 'predictions'>>> {
  const { input, service } = spec
  const { format, isGzip, bytes, header } = input
  const inputs = await scorer.inputs(service, stopping)
  const table = { ...(await rowOptions(scorer, spec)), header, inputs }
  const { maxInputBytes } = limits
  const { predictionRatio, optionalInputs, outputs } = await scorer.traits(service, stopping)
  const size = chunkSize(spec)
  const maxChunkBytes = Math.min(size.maxChunkBytes, Math.ceil(maxResultBytes / predictionRatio))
  const { include, columns, format: outputFormat } = spec.output
  const predictions = predictionParts(outputs, columns, outputFormat === 'parquet')
  const isNamed = 'files' in input.place && !spec.output.isPerFile
  const own = { parts: predictions, ...(isNamed && { file: '' }) }
  const takenNames = outputFormat === 'jsonl' ? [] : ownNames(own)
  const output = { include, takenNames, predictions }
  const files = { format, isGzip, bytes, keepsText: true }
  return {
    maxRowBytes,
    ...size,
    maxChunkBytes,
    maxInputBytes,
    ...files,
    ...output,
    ...table,
    optionalInputs,
    planParquet,
  }
}

/** Predictions of a chunk, which are held in memory until all are there; those of its last row are on top. */
const maxResultBytes = 16 * 1024 ** 2

/** What rows may be, and options for the columns of CSV and Parquet. */
export async function rowOptions(
  scorer: JobTools['scorer'],
  { service, input }: JobSpec,
): Promise<TableNames & Omit<RowSettings, 'columns'> & Pick<RowReading, 'dialect'>> {
  const { columns, ...others } = await scorer.rowSettings(service)
  const settings = { ...others, ...(input.dialect && { dialect: input.dialect }) }
  if (input.header === false) return { names: columns, fileColumns: input.columns, ...settings }
  return { names: input.columns ?? columns, ...settings }
}

async function inputReference({ store }: JobTools, { folder, input }: JobSpec): Promise<ReadableReference> {
  if ('files' in input.place) throw new Error('a job with several files has no input of its own')
  if ('blob' in input.place) return parseBlobReference(input.place.blob)
  // The signature is a secret, so it is not in the spec. It begins with a question mark.
  const signature = await store.readWhole(signatureBlob(folder))
  return { url: input.place.url + (signature ? Buffer.from(signature.content).toString() : '') }
}
