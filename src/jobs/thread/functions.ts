/** What the thread of the jobs and the main thread call of each other. */
import type { TensorInfo } from '../../models/session/model-session.ts'
import type { TraceContext } from '../../telemetry/trace-context.ts'
import type { PastSpan, SpanAttributes, SpanStart } from '../../telemetry/tracing.ts'
import type { EventOutcome } from '../event-sender.ts'
import type { JobStep } from '../message-queues.ts'
import type {
  Row,
  RowResult,
  RowSettings,
  ScoredPiece,
  ScoreOptions,
  ServiceTraits,
  TextOfRows,
} from '../row-scorer.ts'
import type { SlotWait } from '../run-on.ts'
import type { Moved } from './calls.ts'

/** A message of a queue as the host gives it. */
export interface Delivery {
  readonly message: unknown
  readonly hostTrace?: TraceContext | undefined
}

/** As `JobSteps` says, of which these are the methods. */
export type StepFunctions = {
  split(delivery: Delivery): Promise<void>
  chunk(delivery: Delivery & { readonly deliveryCount: number }): Promise<void>
  finish(delivery: Delivery): Promise<void>
  poisoned(delivery: Delivery & { readonly step: 'split' | 'chunk' | 'finish' }): Promise<void>
  reportDeaths(requests: readonly string[]): Promise<void>
  sweep(): Promise<void>
  run(task: { readonly steps: readonly JobStep[]; readonly slotWait: SlotWait | undefined }): Promise<void>
  /** @returns the number of the step, for `begin` */
  prepare(step: JobStep): Promise<number>
  begin(prepared: number): void
  /** Ends all work soon, and resolves when what no invocation waits for has ended. */
  stop(): Promise<void>
}

/** Options of a call of `RowScorer`, but its signal. */
export type SentOptions = Omit<ScoreOptions, 'signal' | 'span'> & {
  /** Number of its span. */
  readonly span?: number | undefined
}

interface ScoreTask {
  readonly service: string
  readonly options: SentOptions
}

/** The methods of `RowScorer`. */
export type ScorerFunctions = {
  modelDigest(service: string): Promise<string>
  inputs(service: string, signal: AbortSignal): Promise<readonly TensorInfo[] | undefined>
  traits(service: string, signal: AbortSignal): Promise<ServiceTraits>
  rowSettings(service: string): Promise<RowSettings>
  score(task: ScoreTask & { readonly rows: readonly Row[] }, signal: AbortSignal): Promise<(RowResult | undefined)[]>
  scoreText(
    task: ScoreTask & { readonly text: TextOfRows },
    signal: AbortSignal,
  ): Promise<Moved<readonly ScoredPiece[] | undefined>>
}

/** Spans are recorded on the main thread. Numbers are those of the thread of the jobs. */
export type SpanFunctions = {
  /** @param start.startedAt  in milliseconds since 1970, with fractions; as those of `addPast` */
  startSpan(span: { readonly span: number; readonly name: string; readonly start: SpanStart }): void
  setSpan(span: { readonly span: number; readonly attributes: SpanAttributes }): void
  addPast(span: { readonly span: number; readonly name: string; readonly part: PastSpan }): void
  endSpan(span: { readonly span: number; readonly error: string | undefined }): void
}

export type MainFunctions = ScorerFunctions &
  SpanFunctions & {
    countEvent(event: { readonly service: string; readonly outcome: EventOutcome }): void
    /** A message was written that can be received at once. */
    queueWritten(queueName: string): void
    /** A process that must not outlive this one. */
    childStarted(pid: number): void
    childEnded(pid: number): void
    /** Only the main thread writes the log as its settings say. */
    log(line: string): void
  }
