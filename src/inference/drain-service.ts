import { setTimeout as delay } from 'node:timers/promises'
import type { ScoringService } from './scoring-service.ts'

/** How often a service that is drained looks whether it still has requests. */
const drainPollMs = 20

/**
 * Ends the workers of a service as soon as every request that has come is answered; for one that gets no new ones.
 *
 * @param maxMs  after which its workers end all the same, unless they are debugged, and what is not answered by then gets
 *   SERVICE_STOPPING
 */
export async function drainService(service: ScoringService, maxMs: number): Promise<void> {
  const endsAt = performance.now() + maxMs
  // At least once: who has just looked the service up calls it within this turn of the event loop.
  do await delay(drainPollMs, undefined, { ref: false })
  while (!service.isQuiet && (performance.now() < endsAt || service.isDebugged))
  await service.stop()
}
