import fc from 'fast-check'
import { checkEnd, inputOf } from './check-end.ts'
import { JobWorld } from './job-world.ts'
import { scenarios } from './scenario.ts'

/** @returns how often each end was seen; throws with the seed and the smallest scenario that was found to go wrong */
export async function runScenarios(count: number, seed?: number): Promise<Record<string, number>> {
  const seen: Record<string, number> = {}
  const property = fc.asyncProperty(scenarios, async scenario => {
    const world = new JobWorld(scenario, inputOf(scenario))
    await world.run()
    for (const what of checkEnd(world)) seen[what] = (seen[what] ?? 0) + 1
  })
  await fc.assert(property, { numRuns: count, ...(seed !== undefined && { seed }) })
  return seen
}
