import { chooseRowForm, type RowForm, tensorInputs } from '../../jobs/formats/row-form.ts'
import { splitArray } from '../../jobs/formats/split-json.ts'
import type { Row, RowResult } from '../../jobs/row-scorer.ts'
import type { LoadReport } from '../../models/session/load-report.ts'
import { type Answer, describeFailure, readJson } from '../answer.ts'
import type { Target } from './target.ts'

/** How rows become the body of a request. */
export interface Bodies {
  /** One request with all of these rows. */
  encodeBody(rows: readonly string[]): string
  readonly form: RowForm
}

/** Rows in the way that batch jobs send them, without knowledge of the service. */
const unknownForm: RowForm = {
  canShareRequest: () => false,
  encodeBody: ([row = '']) => `{"data":[${row}]}`,
  splitPredictions: answer => {
    const entries = splitArray(answer)
    return entries?.length === 1 ? entries : [answer]
  },
}

/** @param report  undefined: the service is not on this machine */
export function chooseBodies(report: LoadReport | undefined): Bodies {
  if (!report) return { form: unknownForm, encodeBody: rows => `{"data":[${rows.join(',')}]}` }
  const form = chooseRowForm(report)
  if (tensorInputs(report)) return { form, encodeBody: rows => form.encodeBody(rows) }
  // A script says by its sample whether rows lie in "data".
  const hasData = Array.isArray(parse(report.inputSample)?.data)
  const encodeBody = (rows: readonly string[]) =>
    rows.length === 1 && !hasData ? form.encodeBody(rows) : `{"data":[${rows.join(',')}]}`
  return { form: hasData ? { ...unknownForm, canShareRequest: () => false } : form, encodeBody }
}

function parse(text: string | undefined): { data?: unknown } | undefined {
  try {
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The longest body of a request of several rows, in characters. */
const maxBodyLength = 2 ** 20

/**
 * Scores rows in requests of a bounded size. Of a request that is refused, the halves are scored again, so that only the rows
 * that are at fault fail.
 *
 * @param maxRows  rows of one request
 * @returns one result for each row, in order
 */
export async function scoreRows(
  rows: readonly Row[],
  { target, bodies, maxRows }: { readonly target: Target; readonly bodies: Bodies; readonly maxRows: number },
): Promise<RowResult[]> {
  const results: RowResult[] = []
  let group: string[] = []
  let length = 0
  const flush = async () => {
    if (group.length > 0) results.push(...(await scoreGroup(group, target, bodies)))
    group = []
    length = 0
  }
  for (const row of rows) {
    if (!('json' in row)) {
      await flush()
      results.push(row)
      continue
    }
    const canShare = bodies.form.canShareRequest(row.json)
    if (!canShare || group.length >= maxRows || length + row.json.length > maxBodyLength) await flush()
    group.push(row.json)
    length += row.json.length
    if (!canShare) await flush()
  }
  await flush()
  return results
}

async function scoreGroup(rows: readonly string[], target: Target, bodies: Bodies): Promise<RowResult[]> {
  const body = rows.length === 1 ? bodies.form.encodeBody(rows) : bodies.encodeBody(rows)
  const answer = await target.score(Buffer.from(body), 'application/json')
  if (answer.status === 200) {
    const predictions = bodies.form.splitPredictions(readJson(answer), rows)
    if (predictions) return predictions.map(prediction => ({ prediction }))
  } else if (rows.length === 1 || !isFaultOfRows(answer)) {
    return rows.map(() => describeFailure(answer))
  }
  if (rows.length === 1) return [{ prediction: readJson(answer) }]
  const half = Math.ceil(rows.length / 2)
  return [
    ...(await scoreGroup(rows.slice(0, half), target, bodies)),
    ...(await scoreGroup(rows.slice(half), target, bodies)),
  ]
}

/** Other failures, such as a wrong key, are those of every row. */
function isFaultOfRows({ status }: Answer): boolean {
  return status === 400 || status === 413 || status === 500 || status === 504
}
