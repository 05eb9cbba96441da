import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { cgroupCpuQuota } from './cgroup-cpu-quota.ts'

/**
 * Processors that this process may use at a time: those that it may run on, or fewer where its container has a quota. A
 * part of one counts as one: 1.5 are 2, which are at rest for a quarter of the time.
 */
export function availableProcessors(): number {
  const quota = cgroupCpuQuota(readText) ?? Number.POSITIVE_INFINITY
  return Math.max(1, Math.min(availableParallelism(), Math.ceil(quota)))
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined // another system, or a group that is not visible from here
  }
}
