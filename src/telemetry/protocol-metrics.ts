import type { ErrorCode } from '../errors.ts'
import type { Attributes, Counter, Histogram } from './metric.ts'
import { attribute } from './metric-names.ts'
import type { ScoringMetrics } from './service-metrics.ts'

/** The answers that a service has given by one protocol. */
export class ProtocolMetrics {
  readonly #metrics: ScoringMetrics
  readonly #attributes: Attributes
  /** By error code, or by status if there was no error. */
  readonly #requests = new Map<ErrorCode | number, Counter>()
  readonly #duration: Histogram

  constructor(metrics: ScoringMetrics, attributes: Attributes) {
    this.#metrics = metrics
    this.#attributes = attributes
    this.#duration = metrics.requestDuration.add(attributes)
    this.#add(200, undefined)
  }

  answered(status: number, code: ErrorCode | undefined, ms: number): void {
    const counter = this.#requests.get(code ?? status) ?? this.#add(status, code)
    counter.add()
    this.#duration.record(ms / 1000)
  }

  #add(status: number, code: ErrorCode | undefined): Counter {
    const attributes = { ...this.#attributes, [attribute.status]: status }
    const counter = this.#metrics.requests.add(code ? { ...attributes, [attribute.errorType]: code } : attributes)
    this.#requests.set(code ?? status, counter)
    return counter
  }
}
