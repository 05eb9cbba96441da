import type { Attempt, CarefulTrail, RowRange } from './careful-trail.ts'
import type { JobTools } from './job-tools.ts'
import type { Row, RowResult } from './row-scorer.ts'

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
 * Scores a chunk whose process may have died on one of its rows, and leaves a trail that survives the next death: a range
 * that was begun and has no results has ended a process, so it is halved, down to the row that does it. Every death adds
 * to the trail, so it comes to an end; innocent kills cost work and change no result.
 *
 * @param score  scores rows that follow each other; nothing else is scored in this process meanwhile
 * @throws SomebodyIsAtIt; what `score` throws
 */
export async function scoreCarefully(
  tools: JobTools,
  trail: CarefulTrail,
  rows: readonly Row[],
  score: (rows: readonly Row[]) => Promise<RowResult[]>,
): Promise<RowResult[]> {
  const results: RowResult[] = []
  const open: RowRange[] = [{ from: 0, to: rows.length }]
  for (let range = open.pop(); range; range = open.pop()) {
    const { from, to } = range
    const { begun, last, begunAt, isScored } = trail.of(range)
    if (isScored) results.push(...(await trail.readResults(range)))
    else if (begun > 0 && to - from > 1) {
      const middle = Math.ceil((from + to) / 2)
      open.push({ from: middle, to }, { from, to: middle })
    } else if (begun > 0 && isRecent(tools, begunAt)) throw new SomebodyIsAtIt()
    else if (begun >= provenDeaths) results.push(guilty)
    else
      results.push(
        ...(await scoreOnce(tools, trail, { from, to, number: last + 1 }, () => score(rows.slice(from, to)))),
      )
  }
  return results
}

async function scoreOnce(
  { log }: JobTools,
  trail: CarefulTrail,
  attempt: Attempt,
  score: () => Promise<RowResult[]>,
): Promise<RowResult[]> {
  try {
    if (!(await trail.begin(attempt))) throw new SomebodyIsAtIt()
    const results = await score()
    await trail.writeResults(attempt, results)
    return results
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
