import { spanAttribute } from '../../telemetry/metric-names.ts'
import type { Span } from '../../telemetry/tracing.ts'
import type { ChunkOutput } from '../output/chunk-output.ts'
import type { JobTools } from '../tools.ts'

/** Scores rows within a span, if the step has one. */
export async function traceRows(
  { tracing }: Pick<JobTools, 'tracing'>,
  { chunk, span: step }: { readonly chunk: number; readonly span: Span | undefined },
  score: (span: Span | undefined) => Promise<ChunkOutput | undefined>,
): Promise<ChunkOutput | undefined> {
  const attributes = { [spanAttribute.chunk]: chunk }
  const span = step?.isRecorded
    ? tracing?.start('score chunk', { kind: 'internal', parent: step.context, attributes })
    : undefined
  try {
    const results = await score(span)
    if (results) span?.set({ [spanAttribute.rows]: results.rowCount, [spanAttribute.failedRows]: results.failed })
    span?.end()
    return results
  } catch (failure) {
    span?.end((failure as { code?: string }).code ?? (failure as Error).name)
    throw failure
  }
}
