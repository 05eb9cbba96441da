import type { Contestant } from '../http/contest.ts'
import { ourHost, prepareService, primaryKeyOf } from '../http/our-host.ts'
import { requestFor, type Workload } from './workloads.ts'

export const withBatching = 'micro-batching on'
export const withoutBatching = 'micro-batching off'

/** The same service twice, each on a host of its own: as it is, and with one row a run. */
export async function contendersOf(workload: Workload, definition: object = {}): Promise<Contestant[]> {
  const contender = async (name: string, suffix: string, extra: object): Promise<Contestant> => {
    const service = `${workload.name}-${suffix}`
    const { source, models, bodies } = workload
    const services = await prepareService(service, source, models, { ...definition, ...extra })
    return {
      name,
      command: ourHost(services, { SCORING_METRICS: 'public' }), // tells how many requests shared a run
      request: async () => requestFor(workload, bodies[0] as Uint8Array<ArrayBuffer>, await primaryKeyOf(service)),
    }
  }
  return [
    await contender(withBatching, 'on', {}),
    await contender(withoutBatching, 'off', { batching: { maxRows: 1 } }),
  ]
}
