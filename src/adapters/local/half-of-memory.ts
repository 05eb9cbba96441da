import { memoryBytes } from './memory-bytes.ts'

/** Half of what the machine, or the container, has, in MiB: nothing that is limited to it brings the app to its end. */
export function halfOfMemoryMb(): number {
  return Math.floor(memoryBytes() / 2 / 2 ** 20)
}
