import { chunkResultBlob, type JobFolder, jobsContainer, joinedBlob, joinedPrefix } from '../layout.ts'
import { type JobLimits, partNumber } from '../limits.ts'
import type { KnownResult } from '../results.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import { resultsMissing, stageForOutput } from './output-blocks.ts'

/**
 * Stages results again, several in each block. Every staged block is recorded, so that another run can continue.
 *
 * @returns ids of the blocks, in order; undefined when the time is up
 * @throws JobFailure OUTPUT_EXISTS, RESULTS_MISSING
 */
export async function joinResults(
  tools: JobTools,
  spec: JobSpec,
  { blob, results }: { readonly blob: string; readonly results: readonly KnownResult[] },
): Promise<string[] | undefined> {
  const { store, clock, limits } = tools
  const { folder } = spec
  const deadline = clock.monotonicMs() + limits.budgetMs
  const recorded = new Map<string, string>()
  for await (const { path, metadata } of store.list(jobsContainer, joinedPrefix(folder))) {
    recorded.set(path, metadata.block as string)
  }
  const blocks: string[] = []
  let stagedCount = 0
  for (const group of groupResults(results, limits)) {
    const record = joinedBlob(folder, group.from, group.to)
    let block = recorded.get(record.path)
    if (!block) {
      // Every run stages at least one, so that slow ones make progress too.
      if (stagedCount++ > 0 && clock.monotonicMs() >= deadline) return undefined
      const content = await readResults(tools, folder, inGroup(results, group))
      block = await stageForOutput(tools, spec, { blob, kind: 'j', number: group.from, content })
      await store.create(record, '', { block })
    }
    blocks.push(block)
  }
  return blocks
}

/** Removes the records of blocks that have expired. */
export async function removeJoined({ store }: JobTools, { folder }: JobSpec): Promise<void> {
  for await (const { path } of store.list(jobsContainer, joinedPrefix(folder))) {
    await store.remove({ container: jobsContainer, path })
  }
}

/** Chunks from `from` up to but not including `to`: a pure function of the results, so that every run has the same groups. */
interface ResultGroup {
  readonly from: number
  readonly to: number
}

function groupResults(results: readonly KnownResult[], { joinedBytes, maxBlocks }: JobLimits): ResultGroup[] {
  const total = results.reduce((sum, { bytes }) => sum + bytes, 0)
  // One less than the limit, because the last group may be small.
  const groupBytes = Math.max(joinedBytes, Math.ceil(total / Math.max(1, maxBlocks - 1)))
  const groups: ResultGroup[] = []
  let from = results[0]?.chunk ?? 0
  let bytes = 0
  for (const [index, result] of results.entries()) {
    bytes += result.bytes
    if (bytes < groupBytes && index + 1 < results.length) continue
    groups.push({ from, to: result.chunk + 1 })
    from = result.chunk + 1
    bytes = 0
  }
  return groups
}

/** The chunks of an output follow each other; those of a file need not begin with the first of the job. */
function inGroup(results: readonly KnownResult[], { from, to }: ResultGroup): KnownResult[] {
  const first = results[0]?.chunk ?? 0
  return results.slice(from - first, to - first)
}

async function readResults(
  { store, limits }: JobTools,
  folder: JobFolder,
  results: readonly KnownResult[],
): Promise<Uint8Array> {
  const contents: Uint8Array[] = []
  for (const { chunk, start, end } of results) {
    const blob = await store.readWhole(chunkResultBlob(folder, partNumber(chunk, limits), chunk))
    if (!blob) throw resultsMissing()
    contents.push(blob.content.subarray(start, end))
  }
  return Buffer.concat(contents)
}
