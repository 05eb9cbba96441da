import { totalmem } from 'node:os'

/** @returns bytes of memory that this process may use: the machine's, or fewer where its container is limited */
export function memoryBytes(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY)
}
