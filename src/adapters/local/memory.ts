import { totalmem } from 'node:os'

/**
 * @returns bytes of memory that this process may use: the machine's, or fewer where its container is limited. Azure tells the memory of
 *   an instance in `WEBSITE_MEMORY_LIMIT_MB`, also where the machine below has more.
 */
export function memoryBytes({ WEBSITE_MEMORY_LIMIT_MB }: NodeJS.ProcessEnv = process.env): number {
  const ofInstance = Number(WEBSITE_MEMORY_LIMIT_MB) * 2 ** 20
  return Math.min(
    totalmem(),
    process.constrainedMemory() || Number.POSITIVE_INFINITY,
    ofInstance > 0 ? ofInstance : Number.POSITIVE_INFINITY,
  )
}

/** @returns half of that memory, in MiB: a worker or process that is limited to it cannot end the app */
export function halfOfMemoryMb(): number {
  return Math.floor(memoryBytes() / 2 / 2 ** 20)
}
