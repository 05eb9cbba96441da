import type { ReadableReference } from '../blob-store.ts'
import type { MissingOptions } from '../formats/missing-value.ts'
import { readRows } from '../formats/read-rows.ts'
import type { TableNames } from '../formats/row-shape.ts'
import type { ReadInput } from '../formats/text-source.ts'
import { chunkInputBlob, type JobFolder, parseBlobReference, signatureBlob } from '../layout.ts'
import type { PlanPart } from '../plan-parts.ts'
import type { PlannedChunk } from '../planned-chunk.ts'
import { textFormat } from '../requests/input-format.ts'
import type { Row } from '../row-scorer.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import { defaultPlanLimits, type PlanOptions } from './plan-chunks.ts'

/** @returns whether each chunk's text is kept apart, because the input cannot be read in ranges of it */
export function isCopied({ format, isGzip }: JobSpec['input']): boolean {
  return isGzip || format === 'parquet'
}

/** @returns reads the version of the input that the job was submitted with; throws BlobGone, BlobChanged */
export async function openInput(tools: JobTools, spec: JobSpec): Promise<ReadInput> {
  const place = await readablePlace(tools, spec)
  return range => tools.store.read(place, spec.input.etag, range)
}

export async function planOptions(
  { scorer, planParquet, limits, stopping }: JobTools,
  spec: JobSpec,
): Promise<PlanOptions> {
  const { input, miniBatchSize, service } = spec
  const { format, isGzip, bytes, header } = input
  const inputs = await scorer.inputs(service, stopping)
  const table = { ...tableOptions(scorer, spec), header, inputs }
  const { maxInputBytes } = limits
  return { ...defaultPlanLimits, maxInputBytes, format, isGzip, bytes, ...table, miniBatchSize, planParquet }
}

/** How its columns are found, and what their missing values are. */
function tableOptions(scorer: JobTools['scorer'], { service, input }: JobSpec): TableNames & MissingOptions {
  const { columns, missing } = scorer.rowSettings(service)
  if (input.header === false) return { names: columns, fileColumns: input.columns, missing }
  return { names: input.columns ?? columns, missing }
}

/** @throws InputUnreadable, BlobGone, BlobChanged: fatal for the job */
export async function readChunkRows(
  tools: JobTools,
  spec: JobSpec,
  { part, next }: PlanPart,
  planned: PlannedChunk,
  signal: AbortSignal,
): Promise<Row[]> {
  const content = isCopied(spec.input)
    ? readCopy(tools, spec.folder, part, planned.chunk)
    : (await openInput(tools, spec))({ start: planned.start, end: planned.end })
  return readRows(content, planned, {
    format: textFormat(spec.input.format),
    ...tableOptions(tools.scorer, spec),
    columns: next.columns,
    inputs: await tools.scorer.inputs(spec.service, signal),
    maxRowBytes: defaultPlanLimits.maxRowBytes,
  })
}

async function* readCopy(
  { store }: JobTools,
  folder: JobFolder,
  part: number,
  chunk: number,
): AsyncGenerator<Uint8Array> {
  const blob = await store.readWhole(chunkInputBlob(folder, part, chunk))
  if (!blob) throw new Error(`the copied text of chunk ${chunk} was removed`)
  yield blob.content
}

async function readablePlace({ store }: JobTools, { folder, input }: JobSpec): Promise<ReadableReference> {
  if ('blob' in input.place) return parseBlobReference(input.place.blob)
  // A secret, so it is not in the spec; with its question mark.
  const signature = await store.readWhole(signatureBlob(folder))
  return { url: input.place.url + (signature ? Buffer.from(signature.content).toString() : '') }
}
