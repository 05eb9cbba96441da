import type { TensorInfo } from '../../models/session/model-session.ts'
import type { LoadReport } from '../../scheduling/dispatch.ts'
import { splitAnswer, splitArray, splitObject } from '../formats/split-json.ts'

/** How the rows of a job go to their service, and come back. Rows, bodies and answers are JSON text. */
export interface RowForm {
  /** Whether the row can share a request with others. */
  canShareRequest(row: string): boolean
  /** @param rows  that join; or a single one, of any kind */
  bodyOf(rows: readonly string[]): string
  /** @returns what each row would have got alone; undefined: the answer does not tell */
  splitPredictions(answer: string, rows: readonly string[]): string[] | undefined
}

/** @returns the tensors that a request is decoded into; undefined: a script sees requests as they are */
export function tensorInputs({ scriptKind, inputJsonSchema, inputs }: LoadReport): readonly TensorInfo[] | undefined {
  return scriptKind === 'typed' && inputJsonSchema === undefined && inputs.length > 0 ? inputs : undefined
}

/**
 * A service that takes tensors gets rows: `{"data": [row, …]}`, or `{"data": {"<input>": [part, …], …}}` when it has
 * several inputs, which a row names. To any other service a row is a request of its own: an object is the whole body,
 * anything else is the only entry of `data`.
 */
export function chooseRowForm(report: LoadReport): RowForm {
  const { lists = [] } = report
  const isBatchable = report.rowsMayShareRequest ?? report.isBatchable
  const names = tensorInputs(report)?.map(({ name }) => name)
  const [only] = names ?? []
  if (!names || only === undefined) return oneRowPerRequest
  return names.length === 1 ? oneInput(only, isBatchable, lists) : manyInputs(names, isBatchable, lists)
}

const oneRowPerRequest: RowForm = {
  canShareRequest: () => false,
  bodyOf: ([row = '']) => (isObject(row) ? row : `{"data":[${row}]}`),
  splitPredictions: (answer, [row = '']) => {
    const entries = isObject(row) ? undefined : splitArray(answer)
    return entries?.length === 1 ? entries : [answer]
  },
}

/** A single row keeps an answer as it is that is no list of one. */
function splitterFor(lists: readonly string[]): RowForm['splitPredictions'] {
  return (answer, rows) => splitAnswer(answer, rows.length, lists) ?? (rows.length === 1 ? [answer] : undefined)
}

function oneInput(name: string, isBatchable: boolean, lists: readonly string[]): RowForm {
  // A single input may also come under its name, as several do; other objects have the names of its values.
  const partOf = (row: string) => {
    const members = isObject(row) ? splitObject(row) : undefined
    return members?.size === 1 ? (members.get(name) ?? row) : row
  }
  return {
    canShareRequest: () => isBatchable,
    bodyOf: rows => `{"data":[${rows.map(partOf).join(',')}]}`,
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
    bodyOf: rows => {
      const [first = ''] = rows
      if (!isObject(first)) return `{"data":[${rows.join(',')}]}`
      const parts = rows.map(row => splitObject(row))
      // What a row alone lacks, or has too much, its body does too: the service says so.
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
