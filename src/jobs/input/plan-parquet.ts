import type { PlanOptions } from './plan-chunks.ts'
import type { NextChunk } from './plan-text.ts'
import type { PlanCursor } from './planned-chunk.ts'
import type { ReadInput } from './text-source.ts'

export async function* planParquet(
  _read: ReadInput,
  _options: PlanOptions,
  _cursor: PlanCursor,
): AsyncGenerator<NextChunk> {
  yield* []
}
