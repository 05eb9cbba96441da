import { readFiles } from '../input-files.ts'
import type { PlannedChunk, PlanPart } from '../plan-parts.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import { type OutputTable, outputTable } from './output-table.ts'

/** What the lines of a chunk hold, and where they go. */
export interface ChunkOutput extends OutputTable {
  /** `<container>/<path>` */
  readonly blob: string
}

export async function chunkOutput(
  tools: JobTools,
  spec: JobSpec,
  { part, planned }: { readonly part: PlanPart; readonly planned: PlannedChunk },
): Promise<ChunkOutput> {
  const files = await readFiles(tools, spec)
  const file = files?.[planned.file?.index ?? 0]
  return { ...outputTable(spec, part.next, file?.blob), blob: file?.output ?? spec.output.blob }
}
