/** Sizes and times of jobs. Tests use smaller ones. */
export interface JobLimits {
  /** Largest text of an input after decompression. */
  readonly maxInputBytes: number
  /** Chunk messages that a job has in the queue at a time, so that a small job is not stuck behind a huge one. */
  readonly window: number
  /** Chunks in one part of the plan. A part is planned in one commit, and its results are listed together. */
  readonly chunksPerPart: number
  /** How long a split or finish step works before it continues in a new message. */
  readonly budgetMs: number
  /** The same for a chunk. It is shorter, because chunks of other jobs wait behind it. */
  readonly chunkBudgetMs: number
  /** The same for a chunk that is scored within the invocation of another step. */
  readonly ownChunkBudgetMs: number
  /**
   * How long a chunk message goes on with further chunks of its position in the window. Messages of other jobs wait behind it: behind
   * `window` times as much of each job.
   */
  readonly turnMs: number
  /** How long after a step the steps that follow from it are still begun in the same invocation. */
  readonly runOnMs: number
  /** How long a step waits in this process for those of other jobs, before it is left to its queue. */
  readonly slotWaitMs: number
  /** Delay of the message of a step that begins at once, outside of an invocation that would be repeated. */
  readonly safetyNetMs: number
  /** After this long without progress, the message is assumed lost. */
  readonly stallMs: number
  /** Longest pause before the sweeper re-enqueues the same step again. */
  readonly longestPauseMs: number
  /** How long the entry of an active job is kept without a job, whose submission may still be in progress. */
  readonly orphanMs: number
  /** How long after its deletion the id of a job cannot be used again, because duplicates of its messages may still come. */
  readonly deletedMs: number
  /** How long after its end a job is kept. */
  readonly retentionMs: number
  /** Pause between two looks for jobs that ended long ago. */
  readonly retentionPauseMs: number
  /** Most jobs that one sweep deletes, or frees the ids of. */
  readonly perSweep: number
  /** For this long after its attempt began, a single row is assumed to be in progress elsewhere. */
  readonly rowGraceMs: number
  /** Most text that is kept from its planning until it is scored. */
  readonly keptTextBytes: number
  /** Results of chunks that are kept until the plan is committed; when they, or the texts, have more, no further one is scored. 0: none is. */
  readonly aheadBytes: number
  /** Interval at which a running step checks that the job is still active. */
  readonly pollMs: number
  /** Most blocks of one blob. */
  readonly maxBlocks: number
  /** When results are joined, the size of one block. */
  readonly joinedBytes: number
}

const dayMs = 24 * 3_600_000

export const jobLimits: JobLimits = {
  maxInputBytes: 100 * 2 ** 30,
  window: 16,
  // Changing it would change the plan of running jobs.
  chunksPerPart: 64,
  budgetMs: 60_000,
  chunkBudgetMs: 15_000,
  ownChunkBudgetMs: 1000,
  turnMs: 250,
  runOnMs: 3000,
  slotWaitMs: 10_000,
  safetyNetMs: 30_000,
  stallMs: 90_000,
  longestPauseMs: 600_000,
  orphanMs: 600_000,
  deletedMs: dayMs,
  retentionMs: 30 * dayMs,
  retentionPauseMs: 600_000,
  perSweep: 20,
  rowGraceMs: 60_000,
  keptTextBytes: 64 * 2 ** 20,
  aheadBytes: 32 * 2 ** 20,
  pollMs: 3_000,
  // Azure: Put Block List.
  maxBlocks: 50_000,
  joinedBytes: 8 * 2 ** 20,
}

interface LimitSettings extends Pick<JobLimits, 'stallMs' | 'maxInputBytes'> {
  /** 0: ended jobs are kept for ever. */
  readonly retentionDays: number
}

/** A row is assumed to be in progress for two thirds of `stallMs`. */
export function limitsFor({ stallMs, maxInputBytes, retentionDays }: LimitSettings): JobLimits {
  const retentionMs = retentionDays === 0 ? Number.POSITIVE_INFINITY : retentionDays * dayMs
  const rowGraceMs = Math.ceil((stallMs * 2) / 3)
  return { ...jobLimits, maxInputBytes, retentionMs, stallMs, rowGraceMs, safetyNetMs: Math.ceil(stallMs / 3) }
}

/** The part of the plan that holds a chunk, planned or not. */
export function partNumber(chunk: number, { chunksPerPart }: JobLimits): number {
  return Math.floor(chunk / chunksPerPart)
}
