/** Files of rows as other programs write them. */
import { gzipSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import type { Dice } from './dice.ts'
import type { MadeRow, RowForm } from './rows.ts'

export interface FileForm extends RowForm {
  readonly isGzip: boolean
  readonly width: number
}

/** Names of the columns that the model takes, in the order of its input. */
export const columnNames = (width: number): string[] =>
  Array.from({ length: width }, (_, at) => (at === 1 ? 'two, quoted' : `c${at}`))

/** What stands in the column that no model takes. */
export const rowId = (file: number, row: number): string => `f${file} "r${row}"`

/** Ending of the names of such files. */
export const ending = ({ format, isGzip }: Pick<FileForm, 'format' | 'isGzip'>): string =>
  `${format}${isGzip ? '.gz' : ''}`

/** @param file  its place among the files of the job */
export function writeFile(
  dice: Dice,
  form: FileForm,
  { file, rows }: { file: number; rows: readonly MadeRow[] },
): Buffer {
  if (form.format === 'parquet') return writeParquet(dice, form, { file, rows })
  const text = Buffer.from((dice.chance(0.2) ? '\uFEFF' : '') + writeText(dice, form, { file, rows }))
  return form.isGzip ? gzipSync(text) : text
}

function writeText(dice: Dice, form: FileForm, { file, rows }: { file: number; rows: readonly MadeRow[] }): string {
  const newline = dice.oneOf(['\n', '\r\n'])
  const end = dice.chance(0.5) ? newline : ''
  const id = (row: number) => (form.hasId ? rowId(file, row) : undefined)
  switch (form.format) {
    case 'json': {
      const space = dice.oneOf(['', ' ', '\n  '])
      return `[${space}${rows.map(({ values }) => JSON.stringify(values)).join(`,${space}`)}${space}]`
    }
    case 'jsonl': {
      const lines = rows.map((row, at) => row.line ?? writeJson(form, row, id(at)))
      return lines.join(newline) + (lines.length > 0 ? end : '')
    }
    default: {
      const names = columnNames(form.width).map(quoteIfNeeded)
      const header = [...(form.hasId ? ['id'] : []), ...names].join(',')
      const cell = (value: number) => (dice.chance(0.1) ? `"${value}"` : String(value))
      const lines = rows.map(({ values }, at) => [...csvId(id(at)), ...values.map(cell)].join(','))
      return [header, ...lines].join(newline) + end
    }
  }
}

function writeJson({ hasId, width }: FileForm, { values }: MadeRow, id: string | undefined): string {
  if (!hasId) return JSON.stringify(values)
  const names = columnNames(width)
  return JSON.stringify({ id, ...Object.fromEntries(values.map((value, at) => [names[at], value])) })
}

function csvId(id: string | undefined): string[] {
  return id === undefined ? [] : [quoteIfNeeded(id)]
}

function quoteIfNeeded(cell: string): string {
  return /[",]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}

function writeParquet(
  dice: Dice,
  { width, hasId }: FileForm,
  { file, rows }: { file: number; rows: readonly MadeRow[] },
) {
  const columns = columnNames(width).map((name, at) => {
    const data = rows.map(({ values }) => values[at] as number)
    return { name, data, type: 'DOUBLE' as const }
  })
  const id = { name: 'id', data: rows.map((_, at) => rowId(file, at)), type: 'STRING' as const }
  const columnData = hasId ? [id, ...columns] : columns
  return Buffer.from(parquetWriteBuffer({ columnData, rowGroupSize: dice.oneOf([10, 1000]) }))
}
