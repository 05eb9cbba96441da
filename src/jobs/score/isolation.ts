import type { RowResult } from '../row-scorer.ts'
import type { JobTools } from '../tools.ts'
import type { Attempt, AttemptLog, RowRange } from './attempt-log.ts'

/** Scores rows, by their places in the chunk; undefined for those that it was too late for. */
export type ScoreRows = (rows: readonly number[]) => Promise<(RowResult | undefined)[]>

/** Somebody else is probably at the same row at this moment: not the time to find it guilty. */
export class RowInProgress extends Error {
  override readonly name = 'RowInProgress'
}

/** So many processes ended on a row alone before it is found guilty: others are killed for no fault of a row. */
const culpritDeaths = 3

const guilty: RowResult = {
  code: 'ROW_ENDED_PROCESS',
  message: `The process that scored this row alone ended, ${culpritDeaths} times.`,
}

/**
 * Scores the rows that have no result yet, as far as the time allows.
 *
 * @returns whether it was enough for all of them
 */
export async function scorePendingRows(trail: AttemptLog, range: RowRange, score: ScoreRows): Promise<boolean> {
  const rows = trail.pendingRows(range)
  for (const [index, result] of (await score(rows)).entries()) if (result) trail.know(rows[index] as number, result)
  return trail.pendingRows(range).length === 0
}

/**
 * Scores a chunk whose process may have died on one of its rows, and leaves a trail that survives the next death: a range
 * that was begun and has no results has ended a process, so it is halved, down to the row that does it. Every death adds
 * to the trail, so it comes to an end; innocent kills cost work and change no result.
 *
 * @param score  nothing else is scored in this process meanwhile
 * @param isTimeUp  the next run goes on
 * @returns whether all rows have their results in the trail
 * @throws RowInProgress; what `score` throws
 */
export async function scoreInIsolation(
  tools: JobTools,
  trail: AttemptLog,
  all: RowRange,
  score: ScoreRows,
  isTimeUp: () => boolean,
): Promise<boolean> {
  const open: RowRange[] = [all]
  for (let range = open.pop(); range; range = open.pop()) {
    const { from, to } = range
    if (trail.pendingRows(range).length === 0) continue
    const { begun, last, begunAt } = trail.of(range)
    if (begun > 0 && to - from > 1) {
      const middle = Math.ceil((from + to) / 2)
      open.push({ from: middle, to }, { from, to: middle })
    } else if (begun > 0 && isRecent(tools, begunAt)) throw new RowInProgress()
    else if (begun >= culpritDeaths) trail.know(from, guilty)
    else {
      const isScored = await scoreOnce(tools, trail, { from, to, number: last + 1 }, score)
      if (!isScored || isTimeUp()) return trail.pendingRows(all).length === 0
    }
  }
  return true
}

/** @returns whether the time was enough for all its rows */
async function scoreOnce({ log }: JobTools, trail: AttemptLog, attempt: Attempt, score: ScoreRows): Promise<boolean> {
  try {
    if (!(await trail.begin(attempt))) throw new RowInProgress()
    const isScored = await scorePendingRows(trail, attempt, score)
    await trail.storeResults(attempt)
    if (!isScored) await trail.withdraw(attempt)
    return isScored
  } catch (failure) {
    // Not a death. Where this cannot be told, the trail has one suspicion too many, of which it takes several.
    if (!(failure instanceof RowInProgress)) {
      await trail.withdraw(attempt).catch(() => log('a trace of a careful attempt could not be removed'))
    }
    throw failure
  }
}

/** A clock that was set back makes nothing recent for longer than the grace. */
function isRecent({ clock, limits }: JobTools, begunAt: number): boolean {
  return Math.abs(clock.wallMs() - begunAt) < limits.rowGraceMs
}
