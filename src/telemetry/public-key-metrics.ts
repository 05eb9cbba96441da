import type { Attributes, Counter } from './metric.ts'
import { attribute } from './metric-names.ts'
import type { ScoringMetrics } from './service-metrics.ts'

/** Records what the app does with the public keys of a service's callers. */
export class PublicKeyMetrics {
  readonly hits: Counter
  readonly misses: Counter
  readonly evictions: Counter
  entries = 0
  bytes = 0

  constructor(metrics: ScoringMetrics, attributes: Attributes) {
    const lookups = (reason: 'hit' | 'miss') =>
      metrics.publicKeyLookups.add({ ...attributes, [attribute.reason]: reason })
    this.hits = lookups('hit')
    this.misses = lookups('miss')
    this.evictions = metrics.publicKeyEvictions.add(attributes)
  }

  hold(bytes: number): void {
    this.entries++
    this.bytes += bytes
  }

  drop(bytes: number): void {
    this.entries--
    this.bytes -= bytes
  }
}
