import type { ErrorCode } from '../errors.ts'
import {
  type Attributes,
  type Counter,
  CounterFamily,
  type Histogram,
  HistogramFamily,
  type MetricFamily,
  ObservedFamily,
  type Sample,
} from './metric.ts'
import { attribute, metric } from './metric-names.ts'
import { ProtocolMetrics } from './protocol-metrics.ts'
import { PublicKeyMetrics } from './public-key-metrics.ts'

/** The reason why a worker was replaced: stuck, too much memory, ended by itself, or failed to load again. */
export type RestartReason = 'timeout' | 'memory' | 'crash' | 'load'

/** The reason why a request was dropped before or between runs. */
type DropReason = 'expired' | 'abandoned'

/** The triggers besides HTTP, as metrics name them. */
export type TriggerName = 'blob' | 'queue' | 'service-bus'

/** What requests come by, as metrics name it. */
export type Protocol = 'azureml' | 'open-inference' | 'open-inference-grpc' | 'tensorflow-serving' | TriggerName

/** How the answer to a copy of a request compares with the one that was sent. */
export type MirrorOutcome = 'same' | 'close' | 'different' | 'failed' | 'dropped'

/** The metrics of services; each service adds its own series. */
export class ScoringMetrics {
  readonly #services = new Map<string, ServiceMetrics>()
  /** Of services as a whole, by service and reason. */
  readonly #counters = new Map<CounterFamily, Map<string, Counter>>()
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
  readonly messagesRefused = new CounterFamily(metric.messagesRefused)
  readonly mirrored = new CounterFamily(metric.mirrored)
  readonly jobEvents = new CounterFamily(metric.jobEvents)
  readonly changes = new CounterFamily(metric.changes)
  readonly unloads = new CounterFamily(metric.unloads)
  readonly publicKeyLookups = new CounterFamily(metric.publicKeyLookups)
  readonly publicKeyEvictions = new CounterFamily(metric.publicKeyEvictions)
  readonly publicKeysHeld = new ObservedFamily(metric.publicKeysHeld, () => this.#ofPublicKeys(({ bytes }) => bytes))
  readonly publicKeys = new ObservedFamily(metric.publicKeys, () => this.#ofPublicKeys(({ entries }) => entries))

  get families(): readonly MetricFamily[] {
    return Object.values(this)
  }

  /** A service that is loaded again goes on with the series of its name. @param deployment  of a service that has several */
  ofService(name: string, deployment?: string): ServiceMetrics {
    const key = deployment === undefined ? name : `${name}/${deployment}`
    const known = this.#services.get(key)
    if (known) return known
    const added = new ServiceMetrics(this, name, deployment)
    this.#services.set(key, added)
    return added
  }

  /** Counts a change of a service while the app runs. */
  changed(service: string, outcome: 'switched' | 'rejected'): void {
    this.#count(this.changes, service, outcome)
  }

  /** Counts a service that was unloaded because others were used later. */
  unloaded(service: string, reason: 'count' | 'bytes' | 'memory'): void {
    this.#count(this.unloads, service, reason)
  }

  eventAttempted(service: string, outcome: 'delivered' | 'failed' | 'given_up'): void {
    this.#count(this.jobEvents, service, outcome)
  }

  #count(family: CounterFamily, service: string, reason: string): void {
    const counters = this.#counters.get(family) ?? new Map<string, Counter>()
    this.#counters.set(family, counters)
    const key = `${service} ${reason}`
    const counter = counters.get(key) ?? family.add({ [attribute.service]: service, [attribute.reason]: reason })
    counters.set(key, counter)
    counter.add()
  }

  #ofPublicKeys(value: (keys: PublicKeyMetrics) => number): Sample[] {
    return [...this.#services.values()].flatMap(({ publicKeys, attributes }) =>
      publicKeys ? [{ attributes, value: value(publicKeys) }] : [],
    )
  }
}

/** How often something was done, and how long that took in all. */
export interface Total {
  readonly count: number
  readonly seconds: number
}

/** The metrics of a service as sums since the app started. */
export interface ServiceTotals {
  /** Requests that were answered with a status below 400. */
  readonly success: Total
  readonly fail: Total
  readonly queue: Total
  readonly decode: Total
  readonly run: Total
  readonly encode: Total
  /** Rows that ran, or requests where a request has no rows. */
  readonly rowCount: number
  /** When the last run ended, as `performance.now()`. */
  readonly lastRunAt: number | undefined
}

/** Records the metrics of one service. Times are passed in milliseconds and recorded in seconds. */
export class ServiceMetrics {
  readonly #metrics: ScoringMetrics
  readonly attributes: Attributes
  readonly #protocols = new Map<Protocol, ProtocolMetrics>()
  #publicKeys: PublicKeyMetrics | undefined
  readonly #rejected = new Map<ErrorCode, Counter>()
  readonly #messagesRefused = new Map<TriggerName, Counter>()
  readonly #mirrored = new Map<MirrorOutcome, Counter>()
  readonly #dropped: Readonly<Record<DropReason, Counter>>
  readonly #restarts: Readonly<Record<RestartReason, Counter>>
  readonly #queueWait: Histogram
  readonly #decodeDuration: Histogram
  readonly #runDuration: Histogram
  readonly #encodeDuration: Histogram
  readonly #batchRequests: Histogram
  readonly #batchRows: Histogram
  readonly #bisected: Counter
  readonly #retries: Counter
  readonly #succeeded = { count: 0, seconds: 0 }
  readonly #failed = { count: 0, seconds: 0 }
  #rowCount = 0
  #lastRunAt: number | undefined

  constructor(metrics: ScoringMetrics, service: string, deployment?: string) {
    this.#metrics = metrics
    const attributes: Attributes =
      deployment === undefined
        ? { [attribute.service]: service }
        : { [attribute.service]: service, [attribute.deployment]: deployment }
    this.attributes = attributes
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
    this.#addProtocol('azureml')
    this.#addRejected('QUEUE_FULL')
  }

  /** undefined: the service takes no encrypted features. */
  get publicKeys(): PublicKeyMetrics | undefined {
    return this.#publicKeys
  }

  /** Adds the series of a service that takes encrypted features. */
  takesPublicKeys(): void {
    this.#publicKeys ??= new PublicKeyMetrics(this.#metrics, this.attributes)
  }

  /** Number of workers replaced so far. */
  get restartCount(): number {
    return Object.values(this.#restarts).reduce((sum, { value }) => sum + value, 0)
  }

  get totals(): ServiceTotals {
    return {
      success: { ...this.#succeeded },
      fail: { ...this.#failed },
      queue: sum(this.#queueWait),
      decode: sum(this.#decodeDuration),
      run: sum(this.#runDuration),
      encode: sum(this.#encodeDuration),
      rowCount: this.#rowCount,
      lastRunAt: this.#lastRunAt,
    }
  }

  /** Records the answer to a score request. */
  answered(protocol: Protocol, status: number, code: ErrorCode | undefined, ms: number): void {
    const metrics = this.#protocols.get(protocol) ?? this.#addProtocol(protocol)
    metrics.answered(status, code, ms)
    const total = status < 400 ? this.#succeeded : this.#failed
    total.count++
    total.seconds += ms / 1000
  }

  /** Records a request that admission refused. */
  rejected(code: ErrorCode): void {
    const counter = this.#rejected.get(code) ?? this.#addRejected(code)
    counter.add()
  }

  /** Adds the series of a trigger, so that the first refusal is seen as an increase. */
  hasTrigger(trigger: TriggerName): void {
    this.#openRefusals(trigger)
    if (!this.#protocols.has(trigger)) this.#addProtocol(trigger)
  }

  /** Records a message or blob that can never be scored. */
  messageRefused(trigger: TriggerName): void {
    this.#openRefusals(trigger).add()
  }

  /** Records how long a dispatched request has waited. */
  waited(ms: number): void {
    this.#queueWait.record(ms / 1000)
  }

  /** @param waitedMs  time in the queue; undefined when the request was dispatched, which `waited` has recorded */
  dropped(reason: DropReason, waitedMs?: number): void {
    this.#dropped[reason].add()
    if (waitedMs !== undefined) this.#queueWait.record(waitedMs / 1000)
  }

  /** Records the times for decoding and encoding a request. */
  coded(decodeMs: number, encodeMs: number): void {
    this.#decodeDuration.record(decodeMs / 1000)
    this.#encodeDuration.record(encodeMs / 1000)
  }

  /** @param rowCount  0 if inputs have no rows */
  ran(requestCount: number, rowCount: number, ms: number): void {
    this.#runDuration.record(ms / 1000)
    this.#batchRequests.record(requestCount)
    if (rowCount > 0) this.#batchRows.record(rowCount)
    this.#rowCount += rowCount > 0 ? rowCount : requestCount
    this.#lastRunAt = performance.now()
  }

  /** Records failed batches that are repeated in parts. */
  bisected(batchCount: number): void {
    this.#bisected.add(batchCount)
  }

  /** Records the answer to a copy of a request. */
  mirrored(outcome: MirrorOutcome): void {
    const counter =
      this.#mirrored.get(outcome) ?? this.#metrics.mirrored.add({ ...this.attributes, [attribute.reason]: outcome })
    this.#mirrored.set(outcome, counter)
    counter.add()
  }

  threadRestarted(reason: RestartReason): void {
    this.#restarts[reason].add()
  }

  retried(requestCount: number): void {
    this.#retries.add(requestCount)
  }

  #openRefusals(trigger: TriggerName): Counter {
    const known = this.#messagesRefused.get(trigger)
    if (known) return known
    const counter = this.#metrics.messagesRefused.add({ ...this.attributes, [attribute.protocol]: trigger })
    this.#messagesRefused.set(trigger, counter)
    return counter
  }

  #addProtocol(protocol: Protocol): ProtocolMetrics {
    const added = new ProtocolMetrics(this.#metrics, { ...this.attributes, [attribute.protocol]: protocol })
    this.#protocols.set(protocol, added)
    return added
  }

  #addRejected(code: ErrorCode): Counter {
    const counter = this.#metrics.queueRejected.add({ ...this.attributes, [attribute.errorType]: code })
    this.#rejected.set(code, counter)
    return counter
  }
}

function sum({ counts, sum: seconds }: Histogram): Total {
  return { count: counts.reduce((all, count) => all + count, 0), seconds }
}
