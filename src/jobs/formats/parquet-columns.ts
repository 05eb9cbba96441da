/** Whether the values of a Parquet column are what an input takes, which its schema tells before a row is read. */
import type { SchemaElement, SchemaTree } from 'hyparquet'
import type { Dtype } from '../../tensor/dtype.ts'
import { InputUnreadable } from '../failure.ts'
import { isDecimal, leafDtype } from './parquet-json.ts'

type Kind = 'numbers' | 'flags' | 'text' | 'bytes' | 'dates or times' | 'lists' | 'groups of values'

/** @returns undefined where the schema does not tell, such as for nulls alone and for JSON */
function classify(element: SchemaElement): Kind | undefined {
  const { type, converted_type: converted = '', logical_type: logical } = element
  const kind = logical?.type ?? ''
  if (element.repetition_type === 'REPEATED' || /^(NULL|UNKNOWN|JSON)$/.test(kind) || converted === 'JSON')
    return undefined
  if (isDecimal(element)) return 'numbers'
  const dtype = leafDtype(element)
  if (dtype !== undefined) return dtype === 'bool' ? 'flags' : 'numbers'
  if (type === 'INT32' || type === 'INT64' || type === 'INT96') return 'dates or times'
  return /^(STRING|ENUM|UUID)$/.test(kind) || /^(UTF8|ENUM)$/.test(converted) ? 'text' : 'bytes'
}

/** The JSON texts of numbers that are flags. */
export const flagTexts: Readonly<Record<string, string>> = { '1': 'true', '0': 'false' }
const numberTexts: Readonly<Record<string, string>> = { true: '1', false: '0' }

/** @throws InputUnreadable INPUT_COLUMNS_UNFIT where a row takes single values, and the column has others */
export function requireSingle({ children }: SchemaTree, isList: boolean, { name, dtype }: TakenColumn): void {
  if (dtype === undefined || (!isList && children.length === 0)) return
  const taken = dtype === 'string' ? 'text' : dtype === 'bool' ? 'flags' : `numbers (${dtype})`
  const example = isList ? 'df[name].str[0]' : 'pd.json_normalize(df[name])'
  throw unfit(name, isList ? 'lists' : 'groups of values', taken, example)
}

/** The same as `fitColumn` for the elements of lists. */
export function fitLists(leaf: SchemaElement, column: TakenColumn): ((json: string) => string) | undefined {
  const convert = fitColumn({ element: leaf, children: [] }, column)
  // The elements are single words, numbers or texts without these.
  return convert && (json => json.replace(/(?<=[[,])[^[\],]+/g, convert))
}

interface TakenColumn {
  readonly name: string
  /** Of the input. */
  readonly dtype: Dtype | undefined
}

/**
 * Fits the values of a column to an input, as those of a CSV: flags are 1 and 0 to numbers, and the other way round.
 *
 * @returns what the JSON text of a value becomes; undefined: it stays
 * @throws InputUnreadable INPUT_COLUMNS_UNFIT where no value of the column could be scored
 */
export function fitColumn(
  { element, children }: Pick<SchemaTree, 'element' | 'children'>,
  { name, dtype }: TakenColumn,
): ((json: string) => string) | undefined {
  const kind = children.length === 0 ? classify(element) : undefined
  if (kind === undefined || dtype === undefined) return undefined
  if (dtype === 'string') {
    if (kind === 'numbers' || kind === 'flags') throw unfit(name, kind, 'text', 'df[name].astype(str)')
    return undefined
  }
  if (dtype === 'bool') {
    if (kind === 'flags') return undefined
    if (kind !== 'numbers') throw unfit(name, kind, 'flags', 'df[name] == "yes"')
    return json => flagTexts[json] ?? json
  }
  if (kind === 'flags') return json => numberTexts[json] ?? json
  if (kind !== 'numbers') throw unfit(name, kind, `numbers (${dtype})`, 'pd.to_numeric(df[name])')
  return undefined
}

function unfit(name: string, kind: Kind, taken: string, example: string): InputUnreadable {
  return new InputUnreadable(
    'INPUT_COLUMNS_UNFIT',
    `the columns of the input do not fit the service: column "${name}" holds ${kind}, and the service takes ${taken} there; write it as such, e.g. with pandas ${example}`,
  )
}
