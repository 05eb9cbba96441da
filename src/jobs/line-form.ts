/** How predictions stand in the lines of an output. */
import type { TensorInfo } from '../models/session/model-session.ts'
import { outputsOfGraph } from '../models/session/model-session.ts'
import type { Dtype } from '../tensor/dtype.ts'
import { JobFailure } from './failure.ts'

/** A prediction, or a member of it, in the columns of a CSV. */
export interface PredictionPart {
  /** Absent: the prediction itself. */
  readonly member?: string
  /** One for each value of a row of a tensor, in order; or one for all of it. */
  readonly columns: readonly string[]
  /** Of the values; absent: what the script returns. */
  readonly dtype?: Dtype
  /** The only column holds all of it: a text as it is, other values as JSON. */
  readonly isWhole?: true
  /** Levels of the lists that it is made of, if it has a type. */
  readonly depth?: number
}

/** A pure function of the model and the submission. */
export interface LineForm {
  readonly format: 'jsonl' | 'csv'
  /** The columns of a CSV; absent: one for the whole prediction. */
  readonly parts?: readonly PredictionPart[]
  /** Members of an object that are kept in JSON Lines; absent: all. */
  readonly members?: readonly string[]
  /** The input of these rows, which each line names; absent: the job has one, or each has an output of its own. */
  readonly file?: string
}

export const wholePrediction: PredictionPart = { columns: ['prediction'], isWhole: true }
/** Columns that every output has. */
export const fixedColumns = ['index', 'error_code', 'error_message'] as const
/** Most columns for the values of one tensor. Wider ones are images or the like, which no table shows. */
const maxWidth = 1000

/**
 * Chooses the columns for the predictions of a service: `prediction` for a single value, `prediction_0`, `prediction_1`, … for a
 * vector, and the names of the outputs in place of `prediction` if there are several.
 *
 * @param outputs  of the model that answers; undefined where a script does
 * @param chosen  members of the prediction, if not all
 * @param hasLists  a column can hold a list, so that a vector is one, whatever its size
 * @throws JobFailure OUTPUT_COLUMNS_UNFIT
 */
export function predictionParts(
  outputs: readonly TensorInfo[] | undefined,
  chosen: readonly string[] | undefined,
  hasLists = false,
): readonly PredictionPart[] {
  const parts = outputs ? partsOfModel(outputs, { chosen, hasLists }) : chosen?.map(wholeMember)
  const names = [...fixedColumns, ...(parts ?? []).flatMap(({ columns }) => columns)]
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) throw unfit(`two columns are named "${twice}"; choose others, or set "format" to "jsonl"`)
  return parts ?? [wholePrediction]
}

interface PartOptions {
  readonly chosen: readonly string[] | undefined
  readonly hasLists: boolean
}

function partsOfModel(outputs: readonly TensorInfo[], { chosen, hasLists }: PartOptions): PredictionPart[] {
  const members = outputsOfGraph(outputs)
  const missing = chosen?.find(name => !members.has(name))
  if (missing !== undefined) {
    const known = [...members.keys()].map(name => `"${name}"`).join(', ')
    throw unfit(`the service has no output "${missing}"; it has ${known}`)
  }
  return (chosen ?? [...members.keys()]).map(name => {
    const entries = members.get(name) ?? []
    const base = members.size > 1 || chosen ? name : 'prediction'
    return {
      ...(members.size > 1 && { member: name }),
      ...((hasLists && listColumn(entries, base)) || chooseColumns(entries, base)),
    }
  })
}

/** @returns undefined where the values of a row are no list of one type, or have names */
function listColumn(entries: readonly TensorInfo[], base: string): Omit<PredictionPart, 'member'> | undefined {
  const [only] = entries
  if (!only?.shape || entries.length > 1 || only.list !== undefined || only.classes || only.shape.length < 2)
    return undefined
  if (only.shape.slice(1).every(size => size === 1)) return undefined
  return { columns: [base], isWhole: true, dtype: only.dtype, depth: only.shape.length - 1 }
}

/** @param entries  a tensor, or all of a list of them */
function chooseColumns(entries: readonly TensorInfo[], base: string): Omit<PredictionPart, 'member'> {
  const [first] = entries
  const isList = first?.list !== undefined
  const columns = entries.flatMap((entry, at) => valueNames(entry, isList ? `${base}_${at}` : base) ?? [])
  const isFixed = entries.every(entry => valueNames(entry, base) !== undefined)
  if (!first || !isFixed || columns.length > maxWidth) return { columns: [base], isWhole: true }
  return { columns, dtype: first.dtype }
}

/** @returns a name for each value of a row; undefined when their number is open, or large */
function valueNames({ shape, classes }: TensorInfo, base: string): string[] | undefined {
  const inner = shape?.slice(1)
  if (!inner?.every(size => typeof size === 'number' && size > 0)) return undefined
  const width = inner.reduce<number>((product, size) => product * Number(size), 1)
  if (width > maxWidth) return undefined
  if (width === 1 && !classes) return [base]
  return inner.reduce<string[]>(
    (names, size, axis) => {
      const last = classes && axis === inner.length - 1 ? classes : Array.from({ length: Number(size) }, (_, at) => at)
      return names.flatMap(name => last.map(each => `${name}_${each}`))
    },
    [base],
  )
}

function wholeMember(member: string): PredictionPart {
  return { member, columns: [member], isWhole: true }
}

function unfit(what: string): JobFailure {
  return new JobFailure('OUTPUT_COLUMNS_UNFIT', `output.columns: ${what}`)
}
