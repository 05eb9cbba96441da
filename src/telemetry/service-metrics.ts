import type { ErrorCode } from '../errors.ts'
import {
  type Attributes,
  type Counter,
  CounterFamily,
  type Histogram,
  HistogramFamily,
  type MetricFamily,
} from './metric.ts'
import { attribute, metric } from './metric-names.ts'

/** Why a thread had to be replaced: stuck, too much memory, ended by itself, or could not load again. */
export type RestartReason = 'timeout' | 'memory' | 'crash' | 'load'

/** Why a request was not begun, or not ended where it runs in slices. */
type DropReason = 'expired' | 'abandoned'

/** The metrics that every service has; each service adds its own series. */
export class ScoringMetrics {
  readonly requests = new CounterFamily(metric.requests)
  readonly requestDuration = new HistogramFamily(metric.requestDuration)
  readonly queueWait = new HistogramFamily(metric.queueWait)
  readonly queueRejected = new CounterFamily(metric.queueRejected)
  readonly queueDropped = new CounterFamily(metric.queueDropped)
  readonly decodeDuration = new HistogramFamily(metric.decodeDuration)
  readonly runDuration = new HistogramFamily(metric.runDuration)
  readonly encodeDuration = new HistogramFamily(metric.encodeDuration)
  readonly batchRequests = new HistogramFamily(metric.batchRequests)
  readonly batchRows = new HistogramFamily(metric.batchRows)
  readonly batchBisected = new CounterFamily(metric.batchBisected)
  readonly threadRestarts = new CounterFamily(metric.threadRestarts)
  readonly retries = new CounterFamily(metric.retries)

  get families(): readonly MetricFamily[] {
    return Object.values(this)
  }

  ofService(name: string): ServiceMetrics {
    return new ServiceMetrics(this, name)
  }
}

/** What the rooms tell of one service. Times are given in milliseconds, as everywhere in the code, and kept in seconds. */
export class ServiceMetrics {
  readonly #metrics: ScoringMetrics
  readonly #attributes: Attributes
  /** By error code, or by the status of an answer that is no error. */
  readonly #requests = new Map<ErrorCode | number, Counter>()
  readonly #rejected = new Map<ErrorCode, Counter>()
  readonly #dropped: Readonly<Record<DropReason, Counter>>
  readonly #restarts: Readonly<Record<RestartReason, Counter>>
  readonly #requestDuration: Histogram
  readonly #queueWait: Histogram
  readonly #decodeDuration: Histogram
  readonly #runDuration: Histogram
  readonly #encodeDuration: Histogram
  readonly #batchRequests: Histogram
  readonly #batchRows: Histogram
  readonly #bisected: Counter
  readonly #retries: Counter

  constructor(metrics: ScoringMetrics, service: string) {
    this.#metrics = metrics
    const attributes = { [attribute.service]: service }
    this.#attributes = attributes
    this.#requestDuration = metrics.requestDuration.add(attributes)
    this.#queueWait = metrics.queueWait.add(attributes)
    this.#decodeDuration = metrics.decodeDuration.add(attributes)
    this.#runDuration = metrics.runDuration.add(attributes)
    this.#encodeDuration = metrics.encodeDuration.add(attributes)
    this.#batchRequests = metrics.batchRequests.add(attributes)
    this.#batchRows = metrics.batchRows.add(attributes)
    this.#bisected = metrics.batchBisected.add(attributes)
    this.#retries = metrics.retries.add(attributes)
    const dropped = (reason: DropReason) => metrics.queueDropped.add({ ...attributes, [attribute.reason]: reason })
    this.#dropped = { expired: dropped('expired'), abandoned: dropped('abandoned') }
    const restart = (reason: RestartReason) => metrics.threadRestarts.add({ ...attributes, [attribute.reason]: reason })
    this.#restarts = {
      timeout: restart('timeout'),
      memory: restart('memory'),
      crash: restart('crash'),
      load: restart('load'),
    }
    this.#addRequests(200, undefined)
    this.#addRejected('QUEUE_FULL')
  }

  /** Threads replaced so far. */
  get restartCount(): number {
    return Object.values(this.#restarts).reduce((sum, { value }) => sum + value, 0)
  }

  /** A score request over HTTP has its answer. */
  answered(status: number, code: ErrorCode | undefined, ms: number): void {
    const counter = this.#requests.get(code ?? status) ?? this.#addRequests(status, code)
    counter.add()
    this.#requestDuration.record(ms / 1000)
  }

  /** A request is refused before it waits. */
  rejected(code: ErrorCode): void {
    const counter = this.#rejected.get(code) ?? this.#addRejected(code)
    counter.add()
  }

  /** A thread gets a request that has waited so long. */
  waited(ms: number): void {
    this.#queueWait.record(ms / 1000)
  }

  /** @param waitedMs  how long it has waited in vain; undefined: a thread had it already, which `waited` was told */
  dropped(reason: DropReason, waitedMs?: number): void {
    this.#dropped[reason].add()
    if (waitedMs !== undefined) this.#queueWait.record(waitedMs / 1000)
  }

  /** A request is answered, and its inputs and its answer took so long. */
  coded(decodeMs: number, encodeMs: number): void {
    this.#decodeDuration.record(decodeMs / 1000)
    this.#encodeDuration.record(encodeMs / 1000)
  }

  /** @param rowCount  0 where inputs have no rows */
  ran(requestCount: number, rowCount: number, ms: number): void {
    this.#runDuration.record(ms / 1000)
    this.#batchRequests.record(requestCount)
    if (rowCount > 0) this.#batchRows.record(rowCount)
  }

  /** Runs of several requests failed, and parts of them are run. */
  bisected(batchCount: number): void {
    this.#bisected.add(batchCount)
  }

  threadRestarted(reason: RestartReason): void {
    this.#restarts[reason].add()
  }

  retried(requestCount: number): void {
    this.#retries.add(requestCount)
  }

  #addRequests(status: number, code: ErrorCode | undefined): Counter {
    const attributes = { ...this.#attributes, [attribute.status]: status }
    const counter = this.#metrics.requests.add(code ? { ...attributes, [attribute.errorType]: code } : attributes)
    this.#requests.set(code ?? status, counter)
    return counter
  }

  #addRejected(code: ErrorCode): Counter {
    const counter = this.#metrics.queueRejected.add({ ...this.#attributes, [attribute.errorType]: code })
    this.#rejected.set(code, counter)
    return counter
  }
}
