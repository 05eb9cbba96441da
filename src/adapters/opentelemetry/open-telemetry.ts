/** This file needs OpenTelemetry's API. It is a bundle of its own, so that a start without an SDK does not read its code. */
import { type Attributes, createNoopMeter, type Meter, metrics } from '@opentelemetry/api'
import type { Listener, MetricFamily } from '../../telemetry/metric.ts'

/**
 * Gives every metric to the meter provider that is registered in the process.
 *
 * @returns false when the registered API is of another generation than ours, which then gives no meter that measures
 */
export function forwardMetrics(families: readonly MetricFamily[]): boolean {
  const meter = metrics.getMeter('scoring-functions')
  if (meter === createNoopMeter()) return false
  for (const family of families) forward(meter, family)
  return true
}

function forward(meter: Meter, family: MetricFamily): void {
  const { name, unit, help: description } = family.spec
  // `instanceof` would not do: this bundle has a class of its own.
  if ('listen' in family) {
    const advice = { explicitBucketBoundaries: [...family.spec.bounds] }
    const histogram = meter.createHistogram(name, { unit, description, advice })
    const record: Listener = ({ attributes }, value) => histogram.record(value, attributes as Attributes)
    family.listen(record)
    return
  }
  const options = { unit, description }
  const observable =
    family.spec.kind === 'counter'
      ? meter.createObservableCounter(name, options)
      : meter.createObservableGauge(name, options)
  observable.addCallback(result => {
    for (const { attributes, value } of family.read()) result.observe(value, attributes as Attributes)
  })
}
