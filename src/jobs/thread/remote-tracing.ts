import type { TraceContext } from '../../telemetry/trace-context.ts'
import type { PastSpan, Span, SpanAttributes, SpanStart, Tracing } from '../../telemetry/tracing.ts'
import type { Calls } from './calls.ts'
import type { SpanFunctions } from './functions.ts'
import { SpanOfRuns } from './span-of-runs.ts'

/** Stands for the context of a span that another thread records: its ids are known only there. */
interface SpanReference extends TraceContext {
  readonly span: number
}

/** Has spans recorded by another thread. */
export class RemoteTracing implements Tracing {
  readonly #calls: Calls<SpanFunctions>
  #count = 0

  constructor(calls: Calls<SpanFunctions>) {
    this.#calls = calls
  }

  start(name: string, { startedAt = performance.now(), ...start }: SpanStart): Span {
    const span = this.#count++
    this.#calls.tell('startSpan', { span, name, start: { ...start, startedAt: sinceEpoch(startedAt) } })
    return new RemoteSpan(this.#calls, span)
  }
}

class RemoteSpan implements Span {
  readonly #calls: Calls<SpanFunctions>
  readonly #number: number
  /** The other thread knows it. */
  readonly isRecorded = true

  constructor(calls: Calls<SpanFunctions>, number: number) {
    this.#calls = calls
    this.#number = number
  }

  get context(): SpanReference {
    return { traceparent: '', span: this.#number }
  }

  set(attributes: SpanAttributes): void {
    this.#calls.tell('setSpan', { span: this.#number, attributes })
  }

  addPast(name: string, { from, to, ...part }: PastSpan): void {
    const span = this.#number
    this.#calls.tell('addPast', { span, name, part: { ...part, from: sinceEpoch(from), to: sinceEpoch(to) } })
  }

  end(error?: string): void {
    this.#calls.tell('endSpan', { span: this.#number, error })
  }
}

/** @returns the number of a span of `RemoteTracing` */
export function spanNumber({ context }: Span): number | undefined {
  return 'span' in context ? (context as SpanReference).span : undefined
}

/** Records the spans of another thread. */
export class SpansOfThread {
  readonly #tracing: Tracing | undefined
  readonly #spans = new Map<number, Span>()

  constructor(tracing: Tracing | undefined) {
    this.#tracing = tracing
  }

  find(span: number): Span | undefined {
    return this.#spans.get(span)
  }

  /** Ends the spans of a thread that is gone. */
  endAll(error: string): void {
    for (const span of this.#spans.values()) span.end(error)
    this.#spans.clear()
  }

  readonly functions: SpanFunctions = {
    startSpan: ({ span, name, start }) => {
      const { startedAt, parent, ...others } = start
      const context = parent && 'span' in parent ? this.find((parent as SpanReference).span)?.context : parent
      const began = { ...others, parent: context, ...(startedAt !== undefined && { startedAt: sinceStart(startedAt) }) }
      const started = this.#tracing?.start(name, began)
      if (started) this.#spans.set(span, new SpanOfRuns(started))
    },
    setSpan: ({ span, attributes }) => this.find(span)?.set(attributes),
    addPast: ({ span, name, part: { from, to, ...part } }) =>
      this.find(span)?.addPast(name, { ...part, from: sinceStart(from), to: sinceStart(to) }),
    endSpan: ({ span, error }) => {
      this.find(span)?.end(error)
      this.#spans.delete(span)
    },
  }
}

/** Each thread has a start of its own, from which `performance.now()` counts. */
function sinceEpoch(time: number): number {
  return performance.timeOrigin + time
}

function sinceStart(time: number): number {
  return time - performance.timeOrigin
}
