import type { Span } from '../../telemetry/tracing.ts'
import { chunkKey } from '../kept-chunks.ts'
import type { ChunkOutput } from '../output/chunk-output.ts'
import type { PlanCursor, PlannedChunk } from '../plan-parts.ts'
import type { JobSpec } from '../spec.ts'
import { type ScoreTools, scoreRows } from './score-rows.ts'
import { traceRows } from './trace-rows.ts'

/** A chunk that is in no committed part of the plan yet. */
interface NewChunk {
  readonly planned: PlannedChunk
  /** The position behind it. */
  readonly next: PlanCursor
}

/**
 * Scores the first chunks of a job, one after the other, while the rest of its input is planned: until the first part of the plan is
 * committed, no message may do so. Their results are kept for the messages.
 */
export class AheadScorer {
  readonly #tools: ScoreTools
  readonly #spec: JobSpec
  readonly #span: Span | undefined
  #waiting: NewChunk[] = []
  #isScoring = false
  #isOver = false

  /** @param span  gets each chunk as a part */
  constructor(tools: ScoreTools, spec: JobSpec, span: Span | undefined) {
    this.#tools = tools
    this.#spec = spec
    this.#span = span
  }

  /** Scores a chunk when it is its turn. */
  offer(chunk: NewChunk): void {
    if (this.#isOver) return
    this.#waiting.push(chunk)
    if (!this.#isScoring) void this.#scoreWaiting()
  }

  /** Begins no further chunk. */
  stop(): void {
    this.#isOver = true
    this.#waiting = []
  }

  async #scoreWaiting(): Promise<void> {
    this.#isScoring = true
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      const { results } = this.#tools
      const { start, end } = next.planned
      if (!results.hasRoom(end - start)) return this.stop()
      const result = this.#score(next)
      const key = resultKey(this.#spec, next.planned)
      results.put(key, result, end - start)
      const output = await result.catch(() => undefined)
      // After a failure, or when the time was up, the message of the chunk tries again.
      if (!output) return this.stop()
      results.resize(key, Math.max(end - start, output.file.byteLength))
    }
    this.#isScoring = false
  }

  #score({ planned, next }: NewChunk): Promise<ChunkOutput | undefined> {
    const part = { part: 0, chunks: [planned], next, isLast: false }
    const { ownChunkBudgetMs: budgetMs } = this.#tools.limits
    const task = { part, planned, isIsolated: false, isContinued: false, budgetMs, signal: this.#tools.stopping }
    const traced = { chunk: planned.chunk, span: this.#span }
    return traceRows(this.#tools, traced, span => scoreRows(this.#tools, this.#spec, { ...task, span }))
  }
}

/** The planner that committed the part may be another version of the app, and have divided the input otherwise. */
function resultKey(spec: JobSpec, { chunk, start, end }: PlannedChunk): string {
  return `${chunkKey(spec, chunk)} ${start}-${end}`
}

/**
 * The result of a chunk that was scored while it was planned.
 *
 * @returns undefined when there is none; `time is up` when some rows have results in the storage
 */
export async function takeResult(
  { results }: ScoreTools,
  spec: JobSpec,
  planned: PlannedChunk,
): Promise<ChunkOutput | 'time is up' | undefined> {
  const kept = results.take(resultKey(spec, planned))
  return kept?.then(result => result ?? 'time is up').catch(() => undefined)
}
