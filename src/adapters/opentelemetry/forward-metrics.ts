import type { Attributes, Meter } from '@opentelemetry/api'
import type { Listener, MetricFamily } from '../../telemetry/metric.ts'

/** Gives a meter all series of a metric, those to come as well. */
export function forwardMetric(meter: Meter, family: MetricFamily): void {
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
