import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunningApp } from '../../support/running-app.ts'

/** Resources that the idle host holds; undefined where the system does not tell (only Linux does). */
export interface HostResources {
  readonly memoryMb: number
  /** Of the process, without its scoring threads. */
  readonly otherThreads: number
  readonly scoringThreads: number
  readonly openFiles: number
}

interface Health {
  services: Record<string, { status: string; reason?: string; queued: number; threads: Record<string, number> }>
}

/** A service that cannot be loaded is tried again after half a minute at most. */
const longestUnrestMs = 60_000

/**
 * Waits until no thread of any service has anything to do, and reads what is left.
 *
 * @throws Error when they do not come to rest
 */
export async function resourcesAtRest(app: RunningApp): Promise<HostResources | undefined> {
  let scoringThreads = 0
  const begunAt = Date.now()
  for (let restful = 0; restful < 5; await sleep(200)) {
    const { services } = (await (await fetch(`${app.url}/health/ready`)).json()) as Health
    if (Date.now() - begunAt > longestUnrestMs) {
      const states = Object.entries(services).map(([name, { status, reason, queued, threads }]) =>
        JSON.stringify({ name, status, reason, queued, threads }),
      )
      throw new Error(`no rest within ${longestUnrestMs} ms:\n${states.join('\n')}\n${app.output().slice(-2000)}`)
    }
    const all = Object.values(services)
    const isAtRest = all.every(({ status, queued, threads }) => {
      const { loading = 0, busy = 0, ended = 0 } = threads
      return status === 'ready' && queued === 0 && loading + busy + ended === 0
    })
    restful = isAtRest ? restful + 1 : 0
    scoringThreads = all.reduce((sum, { threads }) => sum + (threads.idle ?? 0), 0)
  }
  if (process.platform !== 'linux') return undefined
  const folder = `/proc/${app.process.pid}`
  const kib = Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`${folder}/status`, 'utf8'))?.[1])
  return {
    memoryMb: Math.round(kib / 1024),
    otherThreads: readdirSync(`${folder}/task`).length - scoringThreads,
    scoringThreads,
    openFiles: readdirSync(`${folder}/fd`).length,
  }
}
