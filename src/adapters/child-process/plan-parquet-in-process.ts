import type { PlanParquet } from '../../jobs/plan/plan-chunks.ts'
import { halfOfMemoryMb } from '../local/memory.ts'
import { type Children, childrenOfProcess } from './children.ts'
import { PlanningProcess, type ProcessLimits } from './planning-process.ts'

/** Valid files take about a second per chunk on an idle machine. */
const defaultLimits: ProcessLimits = { stepMs: 60_000, maxMemoryMb: Math.min(1024, halfOfMemoryMb()) }

/**
 * Reads each Parquet file in a process of its own, which ends with the generator.
 *
 * A worker thread would not do: if a file makes the reader allocate one large array (`new Array(30e6)`), exceeding a thread's heap limit
 * ends the whole process (V8 in Node.js 24), at any limit.
 *
 * @throws InputUnreadable INPUT_TOO_COSTLY for a file that exceeds `limits`
 */
export function planParquetInProcess(
  children: Children = childrenOfProcess,
  limits: ProcessLimits = defaultLimits,
): PlanParquet {
  return async function* (read, { planParquet: _, ...options }, cursor) {
    const process = new PlanningProcess(read, limits, children)
    try {
      process.plan(options, cursor)
      for (;;) {
        const { done, value } = await process.next()
        if (done) return value
        yield value
      }
    } finally {
      await process.end()
    }
  }
}
