import type { BlobStore } from '../blob-store.ts'
import { type InputFile, readFiles } from '../input-files.ts'
import {
  chunkResultBlob,
  finalCountsBlob,
  jobsContainer,
  parseBlobReference,
  writtenBlob,
  writtenPrefix,
} from '../layout.ts'
import { partNumber } from '../limits.ts'
import { jobMessage } from '../message-queues.ts'
import { readPart } from '../plan-parts.ts'
import type { KnownResult, ResultTotals } from '../results.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import { encodeEmpty } from './chunk-output.ts'
import { joinResults, removeJoined } from './join-results.ts'
import { isOwnOutput, outputExists, outputMetadata, resultsMissing, stageForOutput } from './output-blocks.ts'
import { outputTable } from './output-table.ts'
import { type JoinedRowGroup, writeParquetFooter } from './parquet-chunk.ts'

/** One blob that the job writes. */
interface Output {
  /** `<container>/<path>` */
  readonly blob: string
  /** Its lines, in order. */
  readonly results: readonly KnownResult[]
}

/**
 * Commits what the job writes: one output, or one for each file of its input.
 *
 * @returns false when another run has to continue
 * @throws JobFailure OUTPUT_EXISTS, RESULTS_MISSING
 */
export async function commitOutput(
  tools: JobTools,
  spec: JobSpec,
  { results, totals }: { readonly results: readonly KnownResult[]; readonly totals: ResultTotals },
): Promise<boolean> {
  requireEveryRowOnce(results, totals)
  if (spec.output.action === 'summary_only') return true
  const files = spec.output.isPerFile ? await readFiles(tools, spec) : undefined
  const isComplete = files
    ? await commitFiles(tools, spec, groupByFile(files, results))
    : await commitOne(tools, spec, { blob: spec.output.blob, results })
  if (!isComplete) await tools.queues.send('finish', jobMessage(spec.folder))
  return isComplete
}

/** Checks that every row has one result, in order: a user may have removed results of a running job. */
function requireEveryRowOnce(results: readonly KnownResult[], totals: ResultTotals): void {
  let rows = 0
  for (const [index, { chunk, first, rows: count }] of results.entries()) {
    if (chunk !== index || first !== rows) throw resultsMissing()
    rows += count
  }
  if (results.length !== totals.chunks || rows !== totals.rows) throw resultsMissing()
}

function groupByFile(files: readonly InputFile[], results: readonly KnownResult[]): Output[] {
  const groups = files.map(({ output }) => ({ blob: output as string, results: [] as KnownResult[] }))
  for (const result of results) groups[result.file]?.results.push(result)
  return groups
}

/** Outputs that are committed at a time, and recorded as written: their owner may move them before the job ends. */
const filesPerGroup = 16

/** Every run commits at least one group, so that slow ones make progress too. @returns false when the time is up */
async function commitFiles(tools: JobTools, spec: JobSpec, outputs: readonly Output[]): Promise<boolean> {
  const { store, clock, limits } = tools
  const deadline = clock.monotonicMs() + limits.budgetMs
  const written = new Set<string>()
  for await (const { path } of store.list(jobsContainer, writtenPrefix(spec.folder))) written.add(path)
  let count = 0
  for (let from = 0; from < outputs.length; from += filesPerGroup) {
    const record = writtenBlob(spec.folder, from)
    if (written.has(record.path)) continue
    if (count++ > 0 && clock.monotonicMs() >= deadline) return false
    const group = outputs.slice(from, from + filesPerGroup)
    const committed = await Promise.all(group.map(output => commitOne(tools, spec, output)))
    if (committed.includes(false)) return false
    await store.create(record, '')
  }
  return true
}

/**
 * Commits an output from the blocks that were staged with the results, without reading them. If these are too many, or have
 * expired, the results are staged again as larger blocks.
 *
 * @returns false when another run has to continue
 */
async function commitOne(tools: JobTools, spec: JobSpec, output: Output): Promise<boolean> {
  const { blob, results } = output
  const ends = await stageEnds(tools, spec, output)
  const blocks = [...results.map(({ block }) => block), ...ends]
  if (blocks.length <= tools.limits.maxBlocks && (await commit(tools, spec, { blob, blocks }))) return true
  const joined = await joinResults(tools, spec, output)
  if (joined && (await commit(tools, spec, { blob, blocks: [...joined, ...ends] }))) return true
  if (joined) await removeJoined(tools, spec)
  return false
}

/** Stages what stands in the output besides the results. @returns ids of the blocks */
async function stageEnds(tools: JobTools, spec: JobSpec, { blob, results }: Output): Promise<string[]> {
  const isEmpty = results.length === 0
  if (!isEmpty && spec.output.format !== 'parquet') return []
  const part = await tools.cache.part(spec, 0, () => readPart(tools.store, spec.folder, 0))
  const table = outputTable(spec, part?.next, 'files' in spec.input.place ? '' : undefined)
  const content = isEmpty
    ? await encodeEmpty(table)
    : await writeParquetFooter(table, await readFooters(tools, spec, results))
  if (content.byteLength === 0) return []
  return [await stageForOutput(tools, spec, { blob, kind: isEmpty ? 'h' : 'f', number: 0, content })]
}

/** Footers that are read at a time. */
const parallelReads = 16

/** @throws BlobGone, BlobChanged, after which a retry finds out that results are missing */
async function readFooters(
  { store, limits }: JobTools,
  { folder }: JobSpec,
  results: readonly KnownResult[],
): Promise<JoinedRowGroup[]> {
  const read = async ({ chunk, etag, end, bytes }: KnownResult): Promise<JoinedRowGroup> => {
    const pieces: Uint8Array[] = []
    const blob = chunkResultBlob(folder, partNumber(chunk, limits), chunk)
    for await (const piece of store.read(blob, etag, { start: end })) pieces.push(piece)
    return { footer: Buffer.concat(pieces), bytes }
  }
  const groups: JoinedRowGroup[] = []
  for (let at = 0; at < results.length; at += parallelReads)
    groups.push(...(await Promise.all(results.slice(at, at + parallelReads).map(read))))
  return groups
}

interface StagedOutput {
  /** `<container>/<path>` */
  readonly blob: string
  readonly blocks: readonly string[]
}

/**
 * @returns false when blocks are missing: they expire after a week, and when another program writes the output
 */
async function commit({ store }: JobTools, spec: JobSpec, staged: StagedOutput): Promise<boolean> {
  if (spec.output.overwrite) return replace(store, spec, staged)
  const output = parseBlobReference(staged.blob)
  const outcome = await store.commitBlocks(output, staged.blocks, outputMetadata(spec))
  if (outcome !== 'exists') return outcome === 'committed'
  const head = await store.head(output)
  if (!head) throw new Error(`job ${spec.folder}: the output was removed while it was checked`)
  if (!isOwnOutput(spec, head)) throw outputExists(spec, staged.blob)
  return true // committed by another process, or by a call of ours whose answer was lost
}

/** Another program writes the output again and again; the message of this step is delivered again. */
const maxReplacements = 10

/**
 * Commits the output in place of the version that is there. Of two jobs with one output, the one that commits last wins. The version
 * is read before it is known that the job has not ended: if another process ends it in between, its output is another version, and
 * this commit fails. So nothing is replaced that was written after the end of the job.
 */
async function replace(store: BlobStore, spec: JobSpec, { blob, blocks }: StagedOutput): Promise<boolean> {
  const output = parseBlobReference(blob)
  for (let tries = 0; tries < maxReplacements; tries++) {
    const head = await store.head(output)
    if ((head && isOwnOutput(spec, head)) || (await store.head(finalCountsBlob(spec.folder)))) return true
    const outcome = await store.commitBlocks(output, blocks, outputMetadata(spec), head?.etag)
    if (outcome !== 'exists') return outcome === 'committed'
  }
  throw new Error(`job ${spec.folder}: others write its output all the time`)
}
