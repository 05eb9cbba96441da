/** Defines the metrics of this process: plain numbers that the hot path adds to and exporters read. */

/** Attributes of a series, by their OpenTelemetry names. Each has few values, and none is a key, an address, a path or a row. */
export type Attributes = Readonly<Record<string, string | number>>

/** Name, unit and meaning of a metric; `unit` is written as in OpenTelemetry (`s`, `By`, `{request}`). */
export interface MetricSpec {
  readonly name: string
  readonly unit: string
  readonly help: string
}

export interface CounterSpec extends MetricSpec {
  readonly kind: 'counter'
}

export interface GaugeSpec extends MetricSpec {
  readonly kind: 'gauge'
}

export interface HistogramSpec extends MetricSpec {
  readonly kind: 'histogram'
  /** Inclusive upper bounds of the buckets, ascending. One more bucket holds the rest. */
  readonly bounds: readonly number[]
}

/** A value as read. */
export interface Sample {
  readonly attributes: Attributes
  readonly value: number
}

/** One series of a counter. */
export class Counter implements Sample {
  readonly attributes: Attributes
  value = 0

  constructor(attributes: Attributes) {
    this.attributes = attributes
  }

  add(count = 1): void {
    this.value += count
  }
}

/** Receives every value of a histogram when it is recorded. */
export type Listener = (series: Histogram, value: number) => void

/** One series of a histogram. */
export class Histogram {
  readonly attributes: Attributes
  readonly bounds: readonly number[]
  /** Number of values in each bucket, not cumulative; one more bucket than bounds. */
  readonly counts: number[]
  sum = 0
  readonly #listeners: readonly Listener[]

  constructor(attributes: Attributes, bounds: readonly number[], listeners: readonly Listener[]) {
    this.attributes = attributes
    this.bounds = bounds
    this.counts = new Array<number>(bounds.length + 1).fill(0)
    this.#listeners = listeners
  }

  record(value: number): void {
    const { bounds, counts } = this
    let bucket = 0
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++
    counts[bucket] = (counts[bucket] as number) + 1
    this.sum += value
    for (let at = 0; at < this.#listeners.length; at++) this.#listeners[at]?.(this, value)
  }
}

/** All series of a counter. */
export class CounterFamily {
  readonly spec: CounterSpec
  readonly #series: Counter[] = []

  constructor(spec: CounterSpec) {
    this.spec = spec
  }

  /** Adds a series, which is exported as 0 at first, so that a rate includes the first event. */
  add(attributes: Attributes): Counter {
    const series = new Counter(attributes)
    this.#series.push(series)
    return series
  }

  read(): readonly Sample[] {
    return this.#series
  }
}

/** All series of a histogram. */
export class HistogramFamily {
  readonly spec: HistogramSpec
  readonly series: Histogram[] = []
  readonly #listeners: Listener[] = []

  constructor(spec: HistogramSpec) {
    this.spec = spec
  }

  add(attributes: Attributes): Histogram {
    const series = new Histogram(attributes, this.spec.bounds, this.#listeners)
    this.series.push(series)
    return series
  }

  listen(listener: Listener): void {
    this.#listeners.push(listener)
  }
}

/** All series of a metric whose values are read from elsewhere on each export. */
export class ObservedFamily {
  readonly spec: GaugeSpec | CounterSpec
  readonly read: () => readonly Sample[]

  constructor(spec: GaugeSpec | CounterSpec, read: () => readonly Sample[]) {
    this.spec = spec
    this.read = read
  }
}

export type MetricFamily = CounterFamily | HistogramFamily | ObservedFamily
