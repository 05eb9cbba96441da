import { ScoringError } from '../../errors.ts'
import type { JobSpec } from '../spec.ts'

/** Formats in which an empty file is valid and has no rows. */
const formatsWithoutBytes = new Set(['jsonl', 'csv'])

/** @throws ScoringError JOB_INPUT_EMPTY */
export function requireBytes(
  { format, isGzip }: Pick<JobSpec['input'], 'format' | 'isGzip'>,
  bytes: number,
  name = 'input:',
): void {
  if (bytes > 0 || (!isGzip && formatsWithoutBytes.has(format))) return
  throw new ScoringError('JOB_INPUT_EMPTY', `${name} has no bytes, so it is not ${isGzip ? 'gzip' : format}`)
}

/** @throws ScoringError JOB_INPUT_TOO_LARGE */
export function requireFewBytes(bytes: number, maxBytes: number): void {
  if (bytes <= maxBytes) return
  const limit = `the limit is ${maxBytes} (SCORING_JOB_MAX_INPUT_BYTES); split the input into several`
  throw new ScoringError('JOB_INPUT_TOO_LARGE', `input: has ${bytes} bytes; ${limit}`)
}
