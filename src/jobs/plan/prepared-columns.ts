/** The values of columns as they are stored: as numbers, or as JSON text. */
import type { ListValues } from '../formats/list-values.ts'
import { type ColumnTraits, listText } from '../formats/packed-columns.ts'
import { bigEndian } from '../formats/parquet-values.ts'

export interface ColumnToPack extends ColumnTraits {
  readonly name: string
  readonly place?: number
  /** @returns JSON text of a value, as it stands in the text of a row */
  readonly encode: (value: unknown) => string
}

/** The values of some rows for each column: an array, or those of a column of lists. */
export interface RowSlice {
  readonly rowCount: number
  readonly values: readonly (ArrayLike<unknown> | ListValues)[]
}

export interface PreparedSlice {
  readonly rowCount: number
  readonly columns: readonly PreparedColumn[]
  /** Those of them whose cells differ in length. */
  readonly changing: readonly PreparedColumn[]
  /** Rows that are too large. */
  readonly tooLarge: ReadonlySet<number>
}

type Texts = readonly (Buffer | undefined)[]

/** A column of a slice. */
export class PreparedColumn {
  readonly column: ColumnToPack
  /** Numbers, or null; none where the column has lists or JSON. */
  readonly numbers: ArrayLike<unknown>
  readonly lists: ListValues | undefined
  /** By row, what is not stored as numbers. */
  readonly texts: Texts

  constructor(
    column: ColumnToPack,
    { numbers, lists, texts }: Partial<Pick<PreparedColumn, 'numbers' | 'lists' | 'texts'>>,
  ) {
    this.column = column
    this.numbers = numbers ?? []
    this.lists = lists
    this.texts = texts ?? []
  }

  textBytes(row: number): number {
    return this.texts[row]?.byteLength ?? 0
  }

  /** Bytes of the JSON text of a cell. */
  cellBytes(row: number): number {
    const text = this.texts[row]
    if (text) return text.byteLength
    const { column, lists, numbers } = this
    const json = lists
      ? listText(column, lists.numbers.subarray(lists.starts[row], lists.starts[row + 1]))
      : column.encode(numbers[row])
    return Buffer.byteLength(json)
  }
}

export function prepareColumn(column: ColumnToPack, values: RowSlice['values'][number]): PreparedColumn {
  const { kind, scale, encode } = column
  if (isLists(values)) {
    const texts: Buffer[] = []
    for (const [row, value] of values.others) texts[row] = Buffer.from(encode(value))
    return new PreparedColumn(column, { lists: values, texts })
  }
  if (kind === 'json')
    return new PreparedColumn(column, { texts: Array.from(values, value => Buffer.from(encode(value))) })
  return new PreparedColumn(column, scale === undefined ? { numbers: values } : decimals(values, scale, encode))
}

function isLists(values: RowSlice['values'][number]): values is ListValues {
  return 'starts' in values
}

/** A quotient of two integers that a double holds is rounded once, like the number that a text stands for. */
function decimals(values: ArrayLike<unknown>, scale: number, encode: ColumnToPack['encode']) {
  const divisor = 10 ** scale
  const texts: Buffer[] = []
  const numbers = Array.from(values, (value, row) => {
    if (value === null || value === undefined) return null
    const unscaled = Number(value instanceof Uint8Array ? bigEndian(value) : value)
    if (Number.isSafeInteger(unscaled)) return unscaled / divisor
    texts[row] = Buffer.from(encode(value))
    return 0
  })
  return { numbers, texts }
}
