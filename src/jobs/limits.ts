/** Numbers that say how jobs are cut, paced and watched; tests take smaller ones. */
export interface JobLimits {
  /** Of the text of an input, unpacked. */
  readonly maxInputBytes: number
  /** Chunk messages of one job that are in the queue together, so that a small job gets its turn beside a huge one. */
  readonly window: number
  /** Chunks of one plan part: what one commit of a plan covers, and what one listing of results shows. */
  readonly chunksPerPart: number
  /** How long one splitter, or one finisher, works before it hands over to another run of itself. */
  readonly budgetMs: number
  /** The same of one chunk: shorter, because the chunks of other jobs wait for it, and only slow services take so long. */
  readonly chunkBudgetMs: number
  /** So long nothing has happened: the message was probably lost. */
  readonly stallMs: number
  /** Longest pause between two messages that the sweeper sends for the same thing. */
  readonly longestPauseMs: number
  /** An entry of an active job without a job stays so long: its submission may still be on the way. */
  readonly orphanMs: number
  /** A single row that was begun so short a time ago is probably being scored at this moment. */
  readonly rowGraceMs: number
  /** Between two looks whether the job still wants to be scored. */
  readonly pollMs: number
  /** Blocks that one blob can have. */
  readonly maxBlocks: number
  /** Where results are staged again: so many bytes of them become one block. */
  readonly joinedBytes: number
}

export const jobLimits: JobLimits = {
  maxInputBytes: 100 * 2 ** 30,
  window: 32,
  // Changing it would change the plan of running jobs.
  chunksPerPart: 64,
  budgetMs: 60_000,
  chunkBudgetMs: 15_000,
  stallMs: 90_000,
  longestPauseMs: 600_000,
  orphanMs: 600_000,
  rowGraceMs: 60_000,
  pollMs: 3_000,
  // Azure: Put Block List.
  maxBlocks: 50_000,
  joinedBytes: 8 * 2 ** 20,
}

/** @param stallMs  after which a step is taken up again; a row that is being scored is let alone two thirds of that */
export function limitsFor({ stallMs, maxInputBytes }: Pick<JobLimits, 'stallMs' | 'maxInputBytes'>): JobLimits {
  return { ...jobLimits, maxInputBytes, stallMs, rowGraceMs: Math.ceil((stallMs * 2) / 3) }
}

/** @returns the part of the plan that has this chunk, whether it has been planned yet or not */
export function partNumber(chunk: number, { chunksPerPart }: JobLimits): number {
  return Math.floor(chunk / chunksPerPart)
}
