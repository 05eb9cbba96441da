/** What a host with all the services holds after many requests, and what it uses while idle. */

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cacheDir } from '../cache.ts'
import { fetchWhenReady } from '../http/contest.ts'
import { addService, ourHost, primaryKeyOf } from '../http/our-host.ts'
import { ServerProcess } from '../http/server-process.ts'
import { encodeRequest, type LoadGenerator } from '../load/load-generator.ts'
import { requestFor, type Workload } from './workloads.ts'

const targets = { growth: 1.2, idleCores: 0.1 }
const firstRequests = 1000
/** At a pace that leaves half of a small machine. */
const requestsPerSecond = 2500
/** Of a thousand requests; the large models would take all the time. */
const mix: Record<string, number> = { diabetes: 600, digits: 350, mlp: 49, resnet50: 1 }
const idleSeconds = 5

/** Undefined numbers: the system does not tell. */
export interface Footprint {
  readonly requests: number
  readonly failures: number
  readonly firstMb: number | undefined
  readonly lastMb: number | undefined
  readonly growth: number | undefined
  readonly isGrowthMet: boolean | undefined
  /** Cores that are busy while the host is idle. */
  readonly idleCores: number | undefined
  readonly isIdleMet: boolean | undefined
}

export async function measureFootprint(
  generator: LoadGenerator,
  workloads: readonly Workload[],
  requests: number,
): Promise<Footprint> {
  const services = join(cacheDir, 'services', 'all')
  await rm(services, { recursive: true, force: true })
  for (const { name, source, models } of workloads) await addService(services, `all-${name}`, source, models, {})
  const server = await ServerProcess.start(ourHost(services))
  try {
    const mixed = await mixedRequests(workloads, server.port)
    const send = async (count: number, seed: number) => {
      const seconds = count / requestsPerSecond
      const job = { port: server.port, requests: mixed, requestsPerSecond, seconds, rampSeconds: 0, seed }
      const result = await generator.run(job)
      await sleep(1000)
      return { ...result, memoryMb: server.residentMemoryMb() }
    }
    console.error(`${requests} mixed requests`)
    const first = await send(firstRequests, 1)
    const rest = await send(requests, 2)
    const cpuBefore = server.cpuMilliseconds()
    await sleep(idleSeconds * 1000)
    const cpuAfter = server.cpuMilliseconds()
    const growth = first.memoryMb && rest.memoryMb && rest.memoryMb / first.memoryMb
    const idleCores =
      cpuBefore === undefined || cpuAfter === undefined ? undefined : (cpuAfter - cpuBefore) / (idleSeconds * 1000)
    const failures = rest.offered - rest.accepted
    return {
      requests: rest.offered,
      failures,
      firstMb: first.memoryMb,
      lastMb: rest.memoryMb,
      growth,
      isGrowthMet: growth === undefined ? undefined : growth <= targets.growth && failures === 0,
      idleCores,
      isIdleMet: idleCores === undefined ? undefined : idleCores <= targets.idleCores,
    }
  } finally {
    await server.stop()
  }
}

/** A thousand requests whose services follow one another evenly. */
async function mixedRequests(workloads: readonly Workload[], port: number): Promise<Buffer[]> {
  const placed: { at: number; request: Buffer }[] = []
  for (const workload of workloads) {
    const key = await primaryKeyOf(`all-${workload.name}`)
    const count = mix[workload.name] ?? 0
    for (let index = 0; index < count; index++) {
      const body = workload.bodies[index % workload.bodies.length] as Uint8Array<ArrayBuffer>
      const parts = { ...requestFor(workload, body, key), path: `/api/v1/service/all-${workload.name}/score` }
      if (index === 0) await fetchWhenReady(workload.name, port, parts)
      placed.push({ at: (index + 0.5) / count, request: encodeRequest(parts) })
    }
  }
  return placed.sort((one, other) => one.at - other.at).map(({ request }) => request)
}
