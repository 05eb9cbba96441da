import type { PlanParquet } from '../../jobs/input/plan-chunks.ts'
import { halfOfMemoryMb } from '../local/half-of-memory.ts'
import { PlanningProcess, type ProcessLimits } from './planning-process.ts'

/** Good files need about a second on an idle machine. */
const defaultLimits: ProcessLimits = { stepMs: 60_000, maxMemoryMb: Math.min(1024, halfOfMemoryMb()) }

/**
 * Reads Parquet in a process of its own, one for each file, which ends with the generator.
 *
 * Not in a worker thread: where a file makes the reader ask for one large array (`new Array(30e6)`), breaking a thread's heap
 * limit is no error that V8 hands to Node.js (24) but ends the whole process, at any limit.
 *
 * @throws InputUnreadable INPUT_TOO_COSTLY for a file that takes more than that
 */
export function planParquetApart(limits: ProcessLimits = defaultLimits): PlanParquet {
  return async function* (read, { planParquet: _, ...options }, cursor) {
    const process = new PlanningProcess(read, limits)
    try {
      process.plan(options, cursor)
      for (;;) {
        const chunk = await process.next()
        if (!chunk) return
        yield chunk
      }
    } finally {
      await process.end()
    }
  }
}
