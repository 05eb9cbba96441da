import type { ByteRange } from '../../jobs/blob-store.ts'
import type { InputFault } from '../../jobs/failure.ts'
import type { NextChunk } from '../../jobs/plan/chunk-builder.ts'
import type { PlanOptions } from '../../jobs/plan/plan-chunks.ts'
import type { PlanCursor } from '../../jobs/planned-chunk.ts'

/** What the owner of a process that plans says to it: `plan` first, then `next` for each chunk. */
export type ToProcess =
  | { readonly type: 'plan'; readonly options: Omit<PlanOptions, 'planParquet'>; readonly cursor: PlanCursor }
  | { readonly type: 'next' }
  | { readonly type: 'piece'; readonly read: number; readonly bytes: Uint8Array }
  | { readonly type: 'read-done'; readonly read: number }

/** One answer to each `next`; before it any number of reads, also at the same time. A read that fails ends the process. */
export type FromProcess =
  | { readonly type: 'read'; readonly read: number; readonly range: ByteRange | undefined }
  | { readonly type: 'chunk'; readonly chunk: NextChunk }
  | { readonly type: 'done' }
  | { readonly type: 'unreadable'; readonly code: InputFault; readonly message: string; readonly cause: string }
  | { readonly type: 'failed'; readonly cause: string }
