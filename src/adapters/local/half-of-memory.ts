import { totalmem } from 'node:os'

/** Half of what the machine, or the container, has, in MiB: nothing that is limited to it brings the app to its end. */
export function halfOfMemoryMb(): number {
  return Math.floor(Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY) / 2 / 2 ** 20)
}
