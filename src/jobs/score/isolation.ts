import { brand } from '../../errors.ts'
import { atLine } from '../at-line.ts'
import type { RowResult } from '../row-scorer.ts'
import type { JobTools } from '../tools.ts'
import type { Attempt, AttemptLog, RowRange } from './attempt-log.ts'

/** Scores rows, given by their indexes in the chunk. The result is undefined for rows that were not scored in time. */
type ScoreRows = (rows: readonly number[], isOneByOne?: boolean) => Promise<(RowResult | undefined)[]>

/** Another process is probably scoring the same row at this moment, so it cannot be judged now. */
export class RowInProgress extends Error {
  override readonly name = 'RowInProgress'
}
brand(RowInProgress, 'RowInProgress')

/** Processes that must end on a row before it is the culprit. Processes also end for reasons other than their row. */
const culpritDeaths = 3
/** With the row alone in the model, where it is known what was in it. Where it is not, all of them. */
const culpritDeathsAlone = 2

const culpritResult: RowResult = {
  code: 'ROW_ENDED_PROCESS',
  message: `The process that scored this row ended, ${culpritDeaths} times.`,
}

/**
 * Scores the rows of a range that have no result yet, as far as the time allows.
 *
 * @returns whether all have one now
 */
export async function scorePendingRows(attempts: AttemptLog, range: RowRange, score: ScoreRows): Promise<boolean> {
  const rows = attempts.pendingRows(range)
  for (const [index, result] of (await score(rows)).entries()) {
    if (result) attempts.setResult(rows[index] as number, result)
  }
  return attempts.pendingRows(range).length === 0
}

interface IsolationTask {
  readonly attempts: AttemptLog
  /** The rows of the chunk. */
  readonly range: RowRange
  /** @returns where a row of the chunk begins in its file, from 1; undefined: it is not known */
  readonly lineOf: (row: number) => number | undefined
  /** Nothing else is scored in this process meanwhile. */
  readonly score: ScoreRows
  readonly isTimeUp: () => boolean
}

/**
 * Scores a chunk one of whose rows may have ended a process, and finds that row. Each attempt is logged in the storage before it
 * begins. An attempt without results has ended its process, so the next ones divide its range, down to single rows. Every
 * such end adds to the log, so the search comes to an end; a process that ends for another reason costs work and changes no result.
 *
 * The log cannot be the delivery count of the message: that also grows for rows that were merely in the same process as the
 * culprit, or waiting in it, and after failures that the process survived.
 *
 * Where the next process has found out which rows were in the model when the last one ended, only these are suspects, and are scored
 * one by one, so that a second end names the row and a third one is enough.
 *
 * @returns whether all rows have results in the log; otherwise the next run continues
 * @throws RowInProgress; what `score` throws
 */
export async function scoreInIsolation(tools: JobTools, task: IsolationTask): Promise<boolean> {
  const { attempts, isTimeUp, lineOf } = task
  const open: RowRange[] = [...attempts.cut(task.range)].reverse()
  for (let range = open.pop(); range; range = open.pop()) {
    const { from, to } = range
    if (attempts.pendingRows(range).length === 0) continue
    const { begun, last, begunAt, died } = attempts.at(range)
    const deaths = attempts.deathsWith(range)
    const isSuspect = deaths > 0
    const isOne = to - from === 1
    if (begun > 0 && !isOne) {
      open.push(...divide(range).reverse())
    } else if (begun > died && (await isRecent(tools, begunAt))) throw new RowInProgress()
    // Of several rows that were in the model together, however often, none is known to be the culprit.
    else if (isOne && (begun >= culpritDeaths || (died >= culpritDeathsAlone && deaths >= culpritDeaths)))
      attempts.setResult(from, atLine(culpritResult, lineOf(from)))
    else {
      const isScored = await scoreOnce(tools, task, { from, to, number: last + 1, isOneByOne: isSuspect })
      if (!isScored || isTimeUp()) return attempts.pendingRows(task.range).length === 0
    }
  }
  return true
}

/** Parts into which a range is divided: each costs a call of the storage, and each level the end of a process, which all callers feel. */
const partCount = 16

function divide({ from, to }: RowRange): RowRange[] {
  const size = Math.ceil((to - from) / partCount)
  const count = Math.ceil((to - from) / size)
  return Array.from({ length: count }, (_, part) => {
    const start = from + part * size
    return { from: start, to: Math.min(start + size, to) }
  })
}

/** @returns whether there was time for all rows */
async function scoreOnce(
  { log }: JobTools,
  { attempts, score }: IsolationTask,
  { isOneByOne, ...attempt }: Attempt & { readonly isOneByOne: boolean },
): Promise<boolean> {
  try {
    if (!(await attempts.begin(attempt))) throw new RowInProgress()
    // If the process ends, its record of what was in the model names the row.
    const isScored = await scorePendingRows(attempts, attempt, rows => score(rows, isOneByOne))
    await attempts.storeResults(attempt)
    if (!isScored) await attempts.withdraw(attempt)
    return isScored
  } catch (failure) {
    // The process is alive, so the row is not the culprit. An entry that cannot be removed is one of several that it takes.
    if (!(failure instanceof RowInProgress)) {
      await attempts.withdraw(attempt).catch(() => log('an entry of an attempt log could not be removed'))
    }
    throw failure
  }
}

async function isRecent({ store, limits }: JobTools, begunAt: number): Promise<boolean> {
  return (await store.now()) - begunAt < limits.rowGraceMs
}
