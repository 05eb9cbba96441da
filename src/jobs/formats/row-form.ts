import type { LoadReport } from '../../models/session/load-report.ts'
import type { TensorInfo } from '../../models/session/model-session.ts'
import { splitAnswer, splitArray, splitObject } from './split-json.ts'

/** Builds request bodies from the rows of a job, and splits the answers. Rows, bodies and answers are JSON text. */
export interface RowForm {
  /** Whether a row can share a request with others. */
  canShareRequest(row: string): boolean
  /** @param rows  rows that can share a request, or a single row of any kind */
  encodeBody(rows: readonly string[]): string
  /** @returns for each row what it would get alone; undefined when the answer does not follow the rows */
  splitPredictions(answer: string, rows: readonly string[]): string[] | undefined
}

/** @returns the tensors that requests are decoded into; undefined when a script receives raw input */
export function tensorInputs({ scriptKind, inputJsonSchema, inputs }: LoadReport): readonly TensorInfo[] | undefined {
  return scriptKind === 'typed' && inputJsonSchema === undefined && inputs.length > 0 ? inputs : undefined
}

/**
 * A service that takes tensors gets several rows in a request: `{"data": [row, …]}`, or `{"data": {"<input>": [part, …], …}}` for
 * rows that name several inputs. Any other service gets one row per request: an object is the body, and any other value is the
 * only entry of `data`.
 */
export function chooseRowForm(report: LoadReport): RowForm {
  const inputs = tensorInputs(report)
  return inputs ? tensorRowForm(inputs, mayShareRequest(report), report.lists) : oneRowPerRequest
}

/** Whether rows that come in one request get the answers of each alone. */
export function mayShareRequest({ rowsMayShareRequest, isBatchable }: LoadReport): boolean {
  return rowsMayShareRequest ?? isBatchable
}

/**
 * The form of rows that become tensors.
 *
 * @param isBatchable  whether they may share a request
 * @param lists  members of the answer that are lists of tensors, see `listNames`
 */
export function tensorRowForm(
  inputs: readonly TensorInfo[],
  isBatchable: boolean,
  lists: readonly string[] = [],
): RowForm {
  const names = inputs.map(({ name }) => name)
  const [only = ''] = names
  return names.length === 1 ? oneInput(only, isBatchable, lists) : manyInputs(names, isBatchable, lists)
}

/** A row that is the body of a request. */
export const bodyForm: RowForm = {
  canShareRequest: () => false,
  encodeBody: ([body = '']) => body,
  splitPredictions: answer => [answer],
}

const oneRowPerRequest: RowForm = {
  canShareRequest: () => false,
  encodeBody: ([row = '']) => (isObject(row) ? row : `{"data":[${row}]}`),
  splitPredictions: (answer, [row = '']) => {
    const entries = isObject(row) ? undefined : splitArray(answer)
    return entries?.length === 1 ? entries : [answer]
  },
}

/** For a single row, an answer that is not a list of one is the prediction. */
function splitterFor(lists: readonly string[]): RowForm['splitPredictions'] {
  return (answer, rows) => splitAnswer(answer, rows.length, lists) ?? (rows.length === 1 ? [answer] : undefined)
}

function oneInput(name: string, isBatchable: boolean, lists: readonly string[]): RowForm {
  // A row may be an object that names the single input. Other objects name the values of the input.
  const inputPart = (row: string) => {
    const members = isObject(row) ? splitObject(row) : undefined
    return members?.size === 1 ? (members.get(name) ?? row) : row
  }
  return {
    canShareRequest: () => isBatchable,
    encodeBody: rows => `{"data":[${rows.map(inputPart).join(',')}]}`,
    splitPredictions: splitterFor(lists),
  }
}

function manyInputs(names: readonly string[], isBatchable: boolean, lists: readonly string[]): RowForm {
  return {
    canShareRequest: row => {
      if (!isBatchable) return false
      if (!isObject(row)) return true
      const members = splitObject(row)
      return members?.size === names.length && names.every(name => members.has(name))
    },
    encodeBody: rows => {
      const [first = ''] = rows
      if (!isObject(first)) return `{"data":[${rows.join(',')}]}`
      const parts = rows.map(row => splitObject(row))
      // A single row may lack members or have too many. The service refuses its body for that.
      const columns = [...(parts[0] ?? [])].map(([name]) => {
        return `${JSON.stringify(name)}:[${parts.map(part => part?.get(name)).join(',')}]`
      })
      return `{"data":{${columns.join(',')}}}`
    },
    splitPredictions: splitterFor(lists),
  }
}

function isObject(row: string): boolean {
  return row.startsWith('{') || (!row.startsWith('[') && /^\s*\{/.test(row))
}
