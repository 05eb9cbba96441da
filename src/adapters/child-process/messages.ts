import type { ByteRange } from '../../jobs/blob-store.ts'
import type { InputFault } from '../../jobs/failure.ts'
import type { NextChunk } from '../../jobs/plan/chunk-builder.ts'
import type { PlanOptions } from '../../jobs/plan/plan-chunks.ts'
import type { PlanCursor } from '../../jobs/plan-parts.ts'

/** Messages to a process that plans: `plan` first, then `next` for each chunk. */
export type ToProcess =
  | { readonly type: 'plan'; readonly options: Omit<PlanOptions, 'planParquet'>; readonly cursor: PlanCursor }
  | { readonly type: 'next' }
  /** Bytes of a read; absent at its end. */
  | { readonly type: 'piece'; readonly read: number; readonly bytes?: Uint8Array }

/** Messages from it: one answer to each `next`, and before that any number of reads, also concurrent. A failed read ends the process. */
export type FromProcess =
  | { readonly type: 'read'; readonly read: number; readonly range: ByteRange | undefined }
  | { readonly type: 'chunk'; readonly chunk: NextChunk }
  | { readonly type: 'done'; readonly end: PlanCursor }
  | { readonly type: 'unreadable'; readonly code: InputFault; readonly message: string; readonly cause: string }
  | { readonly type: 'failed'; readonly cause: string }
