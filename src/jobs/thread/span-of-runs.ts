import { spanAttribute } from '../../telemetry/metric-names.ts'
import type { PastSpan, Span, SpanAttributes } from '../../telemetry/tracing.ts'

/** Of a chunk: two for each run. A script that takes one row at a time has as many runs as rows, more than anybody reads. */
const maxParts = 64

/** A span of a job, with the wait and the run of the first requests as parts, and the number of all. */
export class SpanOfRuns implements Span {
  readonly #span: Span
  #parts = 0
  #runs = 0

  constructor(span: Span) {
    this.#span = span
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
    if (this.#runs > 0) this.#span.set({ [spanAttribute.runs]: this.#runs })
    this.#span.end(error)
  }
}
