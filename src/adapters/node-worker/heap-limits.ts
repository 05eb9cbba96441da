import { type ResourceLimits, Worker } from 'node:worker_threads'
import { halfOfMemoryMb } from '../local/memory.ts'

/** The largest array or string that V8 allocates at once, and a little more. */
const maxAllocationMb = 1024 + 64
/** From this size on V8 lets a heap grow fourfold before it collects garbage, below it twofold at most. */
const generousFromMb = 2048

/**
 * V8's limits for a thread, which the watchdog has to act before: where one allocation breaks the limit, V8 ends not the thread
 * but the whole process. (Node.js gives a thread that is to end 16 MiB more, and a large array needs them at once.) So a
 * thread that holds all it may still has room for the largest single allocation, as far as the machine has it, and the
 * watchdog ends it before it makes many. The young generation is small for the same reason: promoting it may break the limit.
 *
 * @param maxMemoryMb  what the watchdog lets the thread hold
 * @param maxHeapMb  what the machine has for one heap
 */
export function heapLimits(maxMemoryMb: number, maxHeapMb = 1.5 * halfOfMemoryMb()): ResourceLimits {
  const usualMb = 64 + 1.5 * maxMemoryMb
  const roomyMb = Math.min(maxMemoryMb + maxAllocationMb, maxHeapMb, generousFromMb - 1)
  return { maxOldGenerationSizeMb: isWatched ? Math.max(usualMb, roomyMb) : usualMb, maxYoungGenerationSizeMb: 16 }
}

/** Node.js 22 does not report what a thread holds: V8's limit is the only one there, so the lower one is kept. */
const isWatched = 'getHeapStatistics' in Worker.prototype
