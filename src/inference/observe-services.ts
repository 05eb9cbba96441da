import { type Attributes, ObservedFamily, type Sample } from '../telemetry/metric.ts'
import { attribute, metric } from '../telemetry/metric-names.ts'
import type { ScoringService } from './scoring-service.ts'

/**
 * Gauges of services and their workers, read when the metrics are scraped.
 *
 * @param list  the services that are served at that time
 * @param isOutdated  whether newer files of a service do not load; absent: none has
 */
export function observeServices(
  list: () => readonly ScoringService[],
  isOutdated: (service: string) => boolean = () => false,
): ObservedFamily[] {
  const ofEach = (read: (service: ScoringService, attributes: Attributes) => Sample[]) => () =>
    list()
      .flatMap(({ parts }) => parts)
      .flatMap(service => read(service, readAttributes(service)))
  return [
    new ObservedFamily(
      metric.ready,
      ofEach((service, attributes) => [{ attributes, value: service.isReady ? 1 : 0 }]),
    ),
    new ObservedFamily(
      metric.loaded,
      ofEach((service, attributes) => [{ attributes, value: service.report ? 1 : 0 }]),
    ),
    new ObservedFamily(metric.outdated, () =>
      list().map(({ name }) => ({ attributes: { [attribute.service]: name }, value: isOutdated(name) ? 1 : 0 })),
    ),
    new ObservedFamily(
      metric.info,
      ofEach(({ report }, attributes) =>
        report
          ? [{ attributes: { ...attributes, [attribute.executionProvider]: report.executionProvider }, value: 1 }]
          : [],
      ),
    ),
    new ObservedFamily(
      metric.requestHeld,
      ofEach(({ bytes }, attributes) => [{ attributes, value: bytes.heldBytes }]),
    ),
    new ObservedFamily(
      metric.queueDepth,
      ofEach(({ activity }, attributes) => (activity ? [{ attributes, value: activity.queued }] : [])),
    ),
    new ObservedFamily(
      metric.runsGivenUp,
      ofEach(({ activity }, attributes) => (activity ? [{ attributes, value: activity.runsGivenUp }] : [])),
    ),
    new ObservedFamily(
      metric.threads,
      ofEach(({ activity }, attributes) =>
        Object.entries(activity?.threads ?? {}).map(([state, value]) => ({
          attributes: { ...attributes, [attribute.threadState]: state },
          value,
        })),
      ),
    ),
  ]
}

function readAttributes({ name, deployment }: ScoringService): Attributes {
  return { [attribute.service]: name, ...(deployment !== undefined && { [attribute.deployment]: deployment }) }
}
