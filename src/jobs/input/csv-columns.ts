import type { TensorInfo } from '../../models/session/model-session.ts'
import { cellJson } from './cell-json.ts'
import { readHeader } from './csv-header.ts'
import { nonFiniteWord } from './missing-value.ts'
import { InputUnreadable } from './planned-chunk.ts'
import { namesByPlace, placesOf, type TableNames } from './row-shape.ts'
import type { TextSource } from './text-source.ts'

export interface CsvOptions extends TableNames {
  /** What the service takes, against which the columns are checked; undefined: objects by column name. */
  readonly inputs: readonly TensorInfo[] | undefined
  /** Whether the first line names the columns; undefined: it has to, and must not look like a row. */
  readonly header?: boolean | undefined
}

/**
 * What the columns of a CSV are called, and where its rows begin.
 *
 * @returns undefined: the input is empty
 * @throws InputUnreadable INPUT_HAS_NO_HEADER, INPUT_COLUMNS_UNFIT, INPUT_NOT_CSV, …
 */
export async function csvColumns(
  source: TextSource,
  options: CsvOptions,
): Promise<{ columns: readonly string[]; offset: number } | undefined> {
  const first = await readHeader(source)
  if (!first) return undefined
  const { header, inputs, fileColumns } = options
  if (header === false)
    return { columns: fileColumns ?? namesByPlace(first.columns.length, inputs, options), offset: 0 }
  if (header === undefined && looksLikeRow(first.columns, options)) {
    throw new InputUnreadable(
      'INPUT_HAS_NO_HEADER',
      'the first line of the CSV looks like a row: it has numbers or missing values where names of columns are due; say "header": false in the input of the job if it is one, "header": true if these are names',
    )
  }
  return first
}

/** Numbers or missing values where the service takes numbers, one at least, and no name that it knows. */
function looksLikeRow(cells: readonly string[], { inputs, names }: CsvOptions): boolean {
  const places = inputs && inputs.length > 1 ? placesOf(inputs) : undefined
  const known = names ?? places?.map(({ name }) => name) ?? []
  const given = new Set(cells)
  if (known.some(name => given.has(name)) || (places && places.length !== cells.length)) return false
  let values = 0
  for (const [index, cell] of cells.entries()) {
    // What a script takes is not declared; but whatever it is called, that is no number.
    const dtype = (places ? places[index]?.dtype : inputs?.[0]?.dtype) ?? 'float64'
    if (dtype === 'string') continue
    if (nonFiniteWord(cell) === undefined && cellJson(cell, dtype, 'error') === undefined) return false
    values++
  }
  return values > 0
}
