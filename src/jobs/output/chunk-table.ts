import { readFiles } from '../input-files.ts'
import { type PlannedChunk, type PlanPart, rowInFile } from '../plan-parts.ts'
import type { JobSpec } from '../spec.ts'
import type { JobTools } from '../tools.ts'
import { type OutputTable, outputTable } from './output-table.ts'

/** What the rows of a chunk hold, and where they go. */
export interface ChunkTable extends OutputTable {
  /** `<container>/<path>` */
  readonly blob: string
  /** That output begins with this chunk. */
  readonly isFirst: boolean
}

export async function chunkTable(
  tools: JobTools,
  spec: JobSpec,
  { part, planned }: { readonly part: PlanPart; readonly planned: PlannedChunk },
): Promise<ChunkTable> {
  const files = await readFiles(tools, spec)
  const file = files?.[planned.file?.index ?? 0]
  return {
    ...outputTable(spec, part.next, file?.blob),
    blob: file?.output ?? spec.output.blob,
    isFirst: spec.output.isPerFile ? rowInFile(planned) === 0 : planned.chunk === 0,
  }
}
