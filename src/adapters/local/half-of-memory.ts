import { memoryBytes } from './memory-bytes.ts'

/** @returns half the memory of the machine or the container, in MiB: what is limited to it cannot end the app */
export function halfOfMemoryMb(): number {
  return Math.floor(memoryBytes() / 2 / 2 ** 20)
}
