import type { LoadReport } from '../models/session/load-report.ts'
import type { TensorInfo } from '../models/session/model-session.ts'
import { cutArray, cutObject, cutRows } from './json-cut.ts'

/** How the rows of a job go to their service, and come back. Rows, bodies and answers are JSON text. */
export interface RowForm {
  /** Whether the row can share a request with others. */
  joins(row: string): boolean
  /** @param rows  that join; or a single one, of any kind */
  bodyOf(rows: readonly string[]): string
  /** @returns what each row would have got alone; undefined: the answer does not tell */
  predictionsOf(answer: string, rows: readonly string[]): string[] | undefined
}

/** @returns the tensors that a request is decoded into; undefined: a script sees requests as they are */
export function tensorsOf({ scriptKind, inputJsonSchema, inputs }: LoadReport): readonly TensorInfo[] | undefined {
  return scriptKind === 'typed' && inputJsonSchema === undefined && inputs.length > 0 ? inputs : undefined
}

/**
 * A service that takes tensors gets rows: `{"data": [row, …]}`, or `{"data": {"<input>": [part, …], …}}` when it has
 * several inputs, which a row names. To any other service a row is a request of its own: an object is the whole body,
 * anything else is the only entry of `data`.
 */
export function rowFormOf(report: LoadReport): RowForm {
  const { lists = [] } = report
  const isBatchable = report.rowsMayShareRequest ?? report.isBatchable
  const names = tensorsOf(report)?.map(({ name }) => name)
  const [only] = names ?? []
  if (!names || only === undefined) return wholeRequests
  return names.length === 1 ? oneInput(only, isBatchable, lists) : manyInputs(names, isBatchable, lists)
}

const wholeRequests: RowForm = {
  joins: () => false,
  bodyOf: ([row = '']) => (isObject(row) ? row : `{"data":[${row}]}`),
  predictionsOf: (answer, [row = '']) => {
    const entries = isObject(row) ? undefined : cutArray(answer)
    return entries?.length === 1 ? entries : [answer]
  },
}

/** A single row keeps an answer as it is that is no list of one. */
function cutterOf(lists: readonly string[]): RowForm['predictionsOf'] {
  return (answer, rows) => cutRows(answer, rows.length, lists) ?? (rows.length === 1 ? [answer] : undefined)
}

function oneInput(name: string, isBatchable: boolean, lists: readonly string[]): RowForm {
  // A single input may also come under its name, as several do; other objects have the names of its values.
  const partOf = (row: string) => {
    const members = isObject(row) ? cutObject(row) : undefined
    return members?.size === 1 ? (members.get(name) ?? row) : row
  }
  return {
    joins: () => isBatchable,
    bodyOf: rows => `{"data":[${rows.map(partOf).join(',')}]}`,
    predictionsOf: cutterOf(lists),
  }
}

function manyInputs(names: readonly string[], isBatchable: boolean, lists: readonly string[]): RowForm {
  return {
    joins: row => {
      if (!isBatchable) return false
      if (!isObject(row)) return true
      const members = cutObject(row)
      return members?.size === names.length && names.every(name => members.has(name))
    },
    bodyOf: rows => {
      const [first = ''] = rows
      if (!isObject(first)) return `{"data":[${rows.join(',')}]}`
      const parts = rows.map(row => cutObject(row))
      // What a row alone lacks, or has too much, its body does too: the service says so.
      const columns = [...(parts[0] ?? [])].map(([name]) => {
        return `${JSON.stringify(name)}:[${parts.map(part => part?.get(name)).join(',')}]`
      })
      return `{"data":{${columns.join(',')}}}`
    },
    predictionsOf: cutterOf(lists),
  }
}

function isObject(row: string): boolean {
  return row.startsWith('{') || (!row.startsWith('[') && /^\s*\{/.test(row))
}
