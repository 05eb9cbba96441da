import { setTimeout as delay } from 'node:timers/promises'

const sampleMs = 100
/** Most processors that an idle process keeps busy. */
const idleCpuShare = 0.05

/**
 * Waits until the threads of this process are idle, but at most `maxMs`: until then an app may still do what it began at its
 * start, e.g. load models in threads of its own.
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
