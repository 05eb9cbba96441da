/** Metrics of every kind for tests of their text. */
import { type Attributes, CounterFamily, HistogramFamily, ObservedFamily } from '../../src/telemetry/metric.ts'

export const counterOf = (name: string, help: string, samples: [Attributes, number][]) => {
  const family = new CounterFamily({ kind: 'counter', name, unit: '{request}', help })
  for (const [attributes, value] of samples) family.add(attributes).add(value)
  return family
}
export const gaugeOf = (name: string, help: string, attributes: Attributes, value: number) =>
  new ObservedFamily({ kind: 'gauge', name, unit: '', help }, () => [{ attributes, value }])

/** The histogram that the format's description shows: its cumulative counts are 24054, 33444, 100392, 129389, 133988, 144320. */
export function requestDurations(): HistogramFamily {
  const family = new HistogramFamily({
    kind: 'histogram',
    name: 'http_request_duration',
    unit: 's',
    help: 'A histogram of the request duration.',
    bounds: [0.05, 0.1, 0.2, 0.5, 1],
  })
  const series = family.add({})
  for (const [bucket, count] of [24054, 9390, 66948, 28997, 4599, 10332].entries()) series.counts[bucket] = count
  series.sum = 53423
  return family
}
