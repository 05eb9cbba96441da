/** The shapes of metrics in this process: plain numbers that the hot path adds to, and that others read when they like. */

/** Attributes of a series, by their OpenTelemetry names. Each has few values: never a key, an address, a path or a row. */
export type Attributes = Readonly<Record<string, string | number>>

/** What a metric is called and means; `name` and `unit` as OpenTelemetry writes them (`s`, `By`, `{request}`). */
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
  /** Upper bounds of the buckets, rising; a value on a bound belongs below it. One more bucket takes the rest. */
  readonly bounds: readonly number[]
}

/** A number at the moment of reading. */
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

/** Hears every value of a histogram as it is recorded: such values cannot be read later. */
export type Listener = (series: Histogram, value: number) => void

/** One series of a histogram. */
export class Histogram {
  readonly attributes: Attributes
  readonly bounds: readonly number[]
  /** Values in each bucket, not cumulated; one more bucket than there are bounds. */
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

  /** A further series, from now on shown, with 0 at first: a rate can tell the first event only of what was shown before. */
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

/** What is known elsewhere and asked for when somebody reads: a gauge, or a counter that somebody else counts. */
export class ObservedFamily {
  readonly spec: GaugeSpec | CounterSpec
  readonly read: () => readonly Sample[]

  constructor(spec: GaugeSpec | CounterSpec, read: () => readonly Sample[]) {
    this.spec = spec
    this.read = read
  }
}

export type MetricFamily = CounterFamily | HistogramFamily | ObservedFamily
