import { type ResourceLimits, Worker } from 'node:worker_threads'
import { halfOfMemoryMb } from '../../adapters/local/half-of-memory.ts'

/** The largest array or string that V8 makes in one piece, and a little more, in MiB. */
const largestPieceMb = 1024 + 64
/** From here on V8 lets a heap grow by four before it collects what is not needed any more, below by two at most. */
const generousFromMb = 2048

/**
 * V8's own limits for a thread, which the scheduler's watch must be ahead of: where one allocation breaks the limit, V8 ends not
 * the thread but the whole process (Node.js gives a thread that is to end 16 MiB more, and a large array needs them at
 * once). So a thread that holds all it may has room for the largest single piece, as far as the machine has it, and the
 * watch ends it before it makes many. The young generation is small for the same reason: promoting it may break the limit.
 *
 * @param maxMemoryMb  what the watch lets it hold
 */
export function heapLimits(maxMemoryMb: number, mostMb = 1.5 * halfOfMemoryMb()): ResourceLimits {
  const usualMb = 64 + 1.5 * maxMemoryMb
  const roomyMb = Math.min(maxMemoryMb + largestPieceMb, mostMb, generousFromMb - 1)
  return { maxOldGenerationSizeMb: isWatched ? Math.max(usualMb, roomyMb) : usualMb, maxYoungGenerationSizeMb: 16 }
}

/** Node.js 22 does not tell what a thread holds: V8's limit is the only one there, and the closer one is kept. */
const isWatched = 'getHeapStatistics' in Worker.prototype
