import type { RowResult } from '../row-scorer.ts'
import type { JobTools } from '../tools.ts'
import type { Attempt, CarefulTrail, RowRange } from './attempt-log.ts'

/** Scores rows, by their places in the chunk; undefined for those that it was too late for. */
export type ScoreSome = (rows: readonly number[]) => Promise<(RowResult | undefined)[]>

/** Somebody else is probably at the same row at this moment: not the time to find it guilty. */
export class SomebodyIsAtIt extends Error {
  override readonly name = 'SomebodyIsAtIt'
}

/** So many processes ended on a row alone before it is found guilty: others are killed for no fault of a row. */
const provenDeaths = 3

const guilty: RowResult = {
  code: 'ROW_ENDED_PROCESS',
  message: `The process that scored this row alone ended, ${provenDeaths} times.`,
}

/**
 * Scores the rows that have no result yet, as far as the time allows.
 *
 * @returns whether it was enough for all of them
 */
export async function scoreOpenRows(trail: CarefulTrail, range: RowRange, score: ScoreSome): Promise<boolean> {
  const rows = trail.openRows(range)
  for (const [index, result] of (await score(rows)).entries()) if (result) trail.know(rows[index] as number, result)
  return trail.openRows(range).length === 0
}

/**
 * Scores a chunk whose process may have died on one of its rows, and leaves a trail that survives the next death: a range
 * that was begun and has no results has ended a process, so it is halved, down to the row that does it. Every death adds
 * to the trail, so it comes to an end; innocent kills cost work and change no result.
 *
 * @param score  nothing else is scored in this process meanwhile
 * @param isTimeUp  the next run goes on
 * @returns whether all rows have their results in the trail
 * @throws SomebodyIsAtIt; what `score` throws
 */
export async function scoreCarefully(
  tools: JobTools,
  trail: CarefulTrail,
  all: RowRange,
  score: ScoreSome,
  isTimeUp: () => boolean,
): Promise<boolean> {
  const open: RowRange[] = [all]
  for (let range = open.pop(); range; range = open.pop()) {
    const { from, to } = range
    if (trail.openRows(range).length === 0) continue
    const { begun, last, begunAt } = trail.of(range)
    if (begun > 0 && to - from > 1) {
      const middle = Math.ceil((from + to) / 2)
      open.push({ from: middle, to }, { from, to: middle })
    } else if (begun > 0 && isRecent(tools, begunAt)) throw new SomebodyIsAtIt()
    else if (begun >= provenDeaths) trail.know(from, guilty)
    else {
      const isScored = await scoreOnce(tools, trail, { from, to, number: last + 1 }, score)
      if (!isScored || isTimeUp()) return trail.openRows(all).length === 0
    }
  }
  return true
}

/** @returns whether the time was enough for all its rows */
async function scoreOnce({ log }: JobTools, trail: CarefulTrail, attempt: Attempt, score: ScoreSome): Promise<boolean> {
  try {
    if (!(await trail.begin(attempt))) throw new SomebodyIsAtIt()
    const isScored = await scoreOpenRows(trail, attempt, score)
    await trail.keepResults(attempt)
    if (!isScored) await trail.withdraw(attempt)
    return isScored
  } catch (failure) {
    // Not a death. Where this cannot be told, the trail has one suspicion too many, of which it takes several.
    if (!(failure instanceof SomebodyIsAtIt)) {
      await trail.withdraw(attempt).catch(() => log('a trace of a careful attempt could not be removed'))
    }
    throw failure
  }
}

/** A clock that was set back makes nothing recent for longer than the grace. */
function isRecent({ clock, limits }: JobTools, begunAt: number): boolean {
  return Math.abs(clock.wallMs() - begunAt) < limits.rowGraceMs
}
