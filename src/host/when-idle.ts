import { setTimeout as delay } from 'node:timers/promises'

const sampleMs = 100
/** Processors that a process in which nothing happens may keep busy. */
const idleCpuShare = 0.05

/**
 * Waits until the threads of this process have little to do, but no longer than `maxMs`. What an app begins when it
 * starts, e.g. to load models in threads of its own, is done then.
 */
export async function whenIdle(maxMs: number): Promise<void> {
  const until = performance.now() + maxMs
  for (;;) {
    const startedAt = performance.now()
    const before = process.cpuUsage()
    await delay(sampleMs)
    const { user, system } = process.cpuUsage(before) // µs
    const now = performance.now()
    if ((user + system) / 1000 < idleCpuShare * (now - startedAt) || now >= until) return
  }
}
