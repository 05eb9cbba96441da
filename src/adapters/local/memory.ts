import { totalmem } from 'node:os'

/** @returns bytes of memory that this process may use: the machine's, or fewer where its container is limited */
export function memoryBytes(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY)
}

/** @returns half of that memory, in MiB: a worker or process that is limited to it cannot end the app */
export function halfOfMemoryMb(): number {
  return Math.floor(memoryBytes() / 2 / 2 ** 20)
}
