import type { ByteRange } from '../../jobs/blob-store.ts'
import type { NextChunk } from '../../jobs/input/open-chunk.ts'
import type { PlanOptions } from '../../jobs/input/plan-chunks.ts'
import type { InputFault, PlanCursor } from '../../jobs/input/planned-chunk.ts'

/** A message to a planning process: `plan` comes first, then `next` for each chunk. */
export type ToProcess =
  | { readonly type: 'plan'; readonly options: Omit<PlanOptions, 'planParquet'>; readonly cursor: PlanCursor }
  | { readonly type: 'next' }
  | { readonly type: 'piece'; readonly read: number; readonly bytes: Uint8Array }
  | { readonly type: 'read-done'; readonly read: number }

/** The process answers each `next` once, after any number of reads, several at a time. A read that fails ends the process. */
export type FromProcess =
  | { readonly type: 'read'; readonly read: number; readonly range: ByteRange | undefined }
  | { readonly type: 'chunk'; readonly chunk: NextChunk }
  | { readonly type: 'done' }
  | { readonly type: 'unreadable'; readonly code: InputFault; readonly message: string; readonly cause: string }
  | { readonly type: 'failed'; readonly cause: string }
