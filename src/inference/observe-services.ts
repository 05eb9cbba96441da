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
  const observe = (spec: ObservedFamily['spec'], read: (service: ScoringService, attributes: Attributes) => Sample[]) =>
    new ObservedFamily(spec, () =>
      list()
        .flatMap(({ parts }) => parts)
        .flatMap(service => read(service, readAttributes(service))),
    )
  return [
    observe(metric.ready, (service, attributes) => [{ attributes, value: service.isReady ? 1 : 0 }]),
    observe(metric.loaded, (service, attributes) => [{ attributes, value: service.report ? 1 : 0 }]),
    new ObservedFamily(metric.outdated, () =>
      list().map(({ name }) => ({ attributes: { [attribute.service]: name }, value: isOutdated(name) ? 1 : 0 })),
    ),
    observe(metric.info, ({ report }, attributes) =>
      report
        ? [{ attributes: { ...attributes, [attribute.executionProvider]: report.executionProvider }, value: 1 }]
        : [],
    ),
    observe(metric.requestHeld, ({ bytes }, attributes) => [{ attributes, value: bytes.heldBytes }]),
    observe(metric.queueDepth, ({ activity }, attributes) =>
      activity ? [{ attributes, value: activity.queued }] : [],
    ),
    observe(metric.runsGivenUp, ({ activity }, attributes) =>
      activity ? [{ attributes, value: activity.runsGivenUp }] : [],
    ),
    observe(metric.threads, ({ activity }, attributes) =>
      Object.entries(activity?.threads ?? {}).map(([state, value]) => ({
        attributes: { ...attributes, [attribute.threadState]: state },
        value,
      })),
    ),
  ]
}

function readAttributes({ name, deployment }: ScoringService): Attributes {
  return { [attribute.service]: name, ...(deployment !== undefined && { [attribute.deployment]: deployment }) }
}
