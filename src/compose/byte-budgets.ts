/** The bytes that requests may hold in memory: of the whole app, and of each service within it. */
import { countBuffersWithHeap } from '../adapters/local/external-memory.ts'
import { memoryBytes } from '../adapters/local/memory.ts'
import { StartupError } from '../errors.ts'
import type { ServiceDefinition } from '../models/definition/definition.ts'
import { BodyMemory } from '../scheduling/body-memory.ts'
import { ByteBudget } from '../scheduling/byte-budget.ts'
import type { ServiceMetrics } from '../telemetry/service-metrics.ts'
import type { ReadService } from './open-service.ts'

/**
 * The budget of the app: at least the largest body that a service takes.
 *
 * @param given  `SCORING_MAX_HELD_BYTES`
 * @throws StartupError when it is less than one body
 */
export function openAppBudget(given: number | undefined, services: readonly ReadService[]): ByteBudget {
  const largest = Math.max(0, ...services.map(service => requireRoomForBody(given, service)))
  const maxBytes = given ?? Math.max(Math.floor(memoryBytes() / 4), largest)
  return new ByteBudget(maxBytes, { memory: new BodyMemory(maxBytes, countBuffersWithHeap) })
}

/** @returns the bytes of its largest body; 0 for a service that takes none @throws StartupError when that exceeds `given` */
export function requireRoomForBody(given: number | undefined, service: ReadService): number {
  if (service.kind === 'unreadable') return 0
  const { maxBodyBytes } = service.spec.definition.limits
  if (given !== undefined && given < maxBodyBytes) {
    throw new StartupError(
      `setting SCORING_MAX_HELD_BYTES: ${given} is less than one body of service "${service.name}" may have, ${maxBodyBytes}: set more, or less in limits.maxBodyBytes of its service.json`,
    )
  }
  return maxBodyBytes
}

/** The budget of one service: half of the whole by default, so that no service can use up all of it. */
export function openServiceBudget(
  whole: ByteBudget,
  { limits }: ServiceDefinition,
  metrics: ServiceMetrics | undefined,
): ByteBudget {
  const maxBytes = limits.maxHeldBytes ?? Math.max(Math.floor(whole.maxBytes / 2), limits.maxBodyBytes)
  return new ByteBudget(maxBytes, { whole, onRefusal: () => metrics?.rejected('QUEUE_FULL') })
}
