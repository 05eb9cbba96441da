import { spanAttribute } from '../../telemetry/metric-names.ts'
import type { PastSpan, Span, SpanAttributes, Tracing } from '../../telemetry/tracing.ts'
import type { ChunkOutput } from '../output/chunk-output.ts'
import type { JobTools } from '../tools.ts'

/** Of a chunk: two for each run. A script that takes one row at a time has as many runs as rows, more than anybody reads. */
const maxParts = 64

/** The span of a chunk, with the wait and the run of its first requests as parts, and the number of all. */
export class ChunkSpan implements Span {
  readonly #span: Span
  #parts = 0
  #runs = 0

  private constructor(span: Span) {
    this.#span = span
  }

  /** @returns undefined where nothing is recorded */
  static start(tracing: Tracing | undefined, parent: Span | undefined, chunk: number): ChunkSpan | undefined {
    if (!tracing || !parent?.isRecorded) return undefined
    const attributes = { [spanAttribute.chunk]: chunk }
    return new ChunkSpan(tracing.start('score chunk', { kind: 'internal', parent: parent.context, attributes }))
  }

  get context() {
    return this.#span.context
  }

  get isRecorded(): boolean {
    return this.#span.isRecorded
  }

  set(attributes: SpanAttributes): void {
    this.#span.set(attributes)
  }

  addPast(name: string, part: PastSpan): void {
    if (name === 'run') this.#runs++
    if (this.#parts++ < maxParts) this.#span.addPast(name, part)
  }

  end(error?: string): void {
    this.#span.set({ [spanAttribute.runs]: this.#runs })
    this.#span.end(error)
  }
}

/** Scores rows within a span, if the step has one. */
export async function traceRows(
  { tracing }: Pick<JobTools, 'tracing'>,
  { chunk, span: step }: { readonly chunk: number; readonly span: Span | undefined },
  score: (span: Span | undefined) => Promise<ChunkOutput | undefined>,
): Promise<ChunkOutput | undefined> {
  const span = ChunkSpan.start(tracing, step, chunk)
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
