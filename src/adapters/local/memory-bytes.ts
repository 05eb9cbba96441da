import { totalmem } from 'node:os'

/** What this process may have: all of the machine, or less where its container is limited. */
export function memoryBytes(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY)
}
