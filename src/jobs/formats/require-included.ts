/** Columns of the input that are copied to the output. */
import { InputUnreadable } from '../failure.ts'
import { listed, repeatedName } from './column-names.ts'

export interface IncludeOptions {
  /** Columns of the input that are copied to the output. */
  readonly include?: readonly string[] | 'all' | undefined
  /** Names that these cannot have, because the output has columns of its own. */
  readonly takenNames?: readonly string[] | undefined
}

/** @throws InputUnreadable INPUT_COLUMNS_UNFIT when columns to copy are not there, or there twice, or in the output already */
export function requireIncluded(
  { include: given = [], takenNames = [] }: IncludeOptions,
  columns: readonly string[],
): void {
  const include = given === 'all' ? columns : given
  const taken = include.find(name => takenNames.includes(name))
  if (taken !== undefined)
    throw includedUnfit(`the output has a column "${taken}" of its own; rename that of the input`)
  const known = new Set(columns)
  const missing = include.filter(name => !known.has(name))
  if (missing.length > 0) throw includedUnfit(`missing: ${listed(missing, name => `"${name}"`)}`)
  const isIncluded = new Set(include)
  const twice = repeatedName(columns.filter(name => isIncluded.has(name)))
  if (twice !== undefined) throw includedUnfit(`two columns are named "${twice}"`)
}

export function includedUnfit(what: string): InputUnreadable {
  return new InputUnreadable('INPUT_COLUMNS_UNFIT', `the columns of the input do not fit "output.include": ${what}`)
}
