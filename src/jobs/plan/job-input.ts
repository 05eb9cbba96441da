import type { ReadableReference } from '../blob-store.ts'
import { chunkSize } from '../chunk-size.ts'
import type { TableNames } from '../formats/row-shape.ts'
import type { ReadInput } from '../formats/text-source.ts'
import { parseBlobReference, signatureBlob } from '../layout.ts'
import { predictionParts } from '../output/line-form.ts'
import { ownNames } from '../output/result-lines.ts'
import type { PlanCursor } from '../plan-parts.ts'
import type { RowSettings } from '../row-scorer.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import { maxRowBytes, type PlanOptions, type PlanParquet } from './plan-chunks.ts'

export interface PlanTools extends JobTools {
  /** Runs in a process of its own, because a damaged file can take all time and memory. */
  readonly planParquet: PlanParquet
}

/** @returns a function that reads the pinned version of the input, and throws BlobGone, BlobChanged */
export async function openInput(tools: JobTools, spec: JobSpec): Promise<ReadInput> {
  const reference = await inputReference(tools, spec)
  return range => tools.store.read(reference, spec.input.etag, range)
}

export async function planOptions(
  { scorer, planParquet, limits, stopping }: PlanTools,
  spec: JobSpec,
): Promise<PlanOptions & Required<Pick<PlanCursor, 'predictions'>>> {
  const { input, service } = spec
  const { format, isGzip, bytes, header } = input
  const inputs = await scorer.inputs(service, stopping)
  const table = { ...rowOptions(scorer, spec), header, inputs }
  const { maxInputBytes } = limits
  const { predictionRatio, optionalInputs, outputs } = await scorer.traits(service, stopping)
  const size = chunkSize(spec)
  const maxChunkBytes = Math.min(size.maxChunkBytes, Math.ceil(maxResultBytes / predictionRatio))
  const { include, columns, format: outputFormat } = spec.output
  const predictions = predictionParts(outputs, columns)
  const output = { include, takenNames: ownNames({ format: outputFormat, parts: predictions }), predictions }
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
export function rowOptions(
  scorer: JobTools['scorer'],
  { service, input }: JobSpec,
): TableNames & Omit<RowSettings, 'columns'> {
  const { columns, ...settings } = scorer.rowSettings(service)
  if (input.header === false) return { names: columns, fileColumns: input.columns, ...settings }
  return { names: input.columns ?? columns, ...settings }
}

async function inputReference({ store }: JobTools, { folder, input }: JobSpec): Promise<ReadableReference> {
  if ('blob' in input.place) return parseBlobReference(input.place.blob)
  // The signature is a secret, so it is not in the spec. It begins with a question mark.
  const signature = await store.readWhole(signatureBlob(folder))
  return { url: input.place.url + (signature ? Buffer.from(signature.content).toString() : '') }
}
