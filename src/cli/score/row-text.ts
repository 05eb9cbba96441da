/** Rows as people write them: `age=34,city=Oslo`, `{"age": 34}`, `5.1,3.5,1.4,0.2`, or the lines of a CSV file. */
import { createReadStream, type Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { StartupError } from '../../errors.ts'
import { JobFailure } from '../../jobs/failure.ts'
import { cellJson } from '../../jobs/formats/cell-json.ts'
import { csvColumns } from '../../jobs/formats/csv-columns.ts'
import { splitRecord } from '../../jobs/formats/csv-record.ts'
import { CsvScanner } from '../../jobs/formats/csv-scanner.ts'
import { readRows, tooLargeRow } from '../../jobs/formats/read-rows.ts'
import { RowReader } from '../../jobs/formats/row-reader.ts'
import { namedValues, namesByPosition } from '../../jobs/formats/row-shape.ts'
import { openText, type TextSource } from '../../jobs/formats/text-source.ts'
import type { Row } from '../../jobs/row-scorer.ts'
import type { TensorInfo } from '../../models/session/model-session.ts'
import { unreadableFile } from '../system-error.ts'
import { UsageError } from '../usage-error.ts'

/** What gives the values of a row their names and types. */
export interface RowTypes {
  /** The inputs that rows fill; undefined where a script takes them, or the service is not on this machine. */
  readonly inputs: readonly TensorInfo[] | undefined
  /** `input.columns` of service.json. */
  readonly names: readonly string[] | undefined
  readonly missing: 'nan' | 'error'
}

const maxRowBytes = 2 ** 20

/**
 * Reads one `--row`.
 *
 * @returns JSON text of the row
 * @throws UsageError which says what does not fit
 */
export async function readRow(text: string, types: RowTypes): Promise<string> {
  if (/^\s*[{[]/.test(text)) return requireJson(text)
  const cells = splitRecord(text)
  if (!cells) throw new UsageError(`--row ${text}: the quotes of a value are not closed, or text follows them`)
  const named = cells.map(cell => /^\s*([^=]*[^=\s])\s*=(.*)$/s.exec(cell))
  const isNamed = named.every(match => match !== null)
  // A script takes what it likes; without names that is a list.
  if (!isNamed && !types.inputs && !types.names)
    return `[${cells.map(cell => cellJson(cell.trim(), undefined)).join(',')}]`
  try {
    const columns = isNamed ? named.map(match => match?.[1] ?? '') : namesByPosition(cells.length, types.inputs, types)
    if (isNamed) requireNames(text, columns, types)
    if (cells.length !== columns.length)
      throw new UsageError(
        `--row ${text}: it has ${cells.length} values, and the service takes ${columns.length}: ${listed(columns)}`,
      )
    const record = (isNamed ? named.map(match => match?.[2] ?? '') : cells).map(quote).join(',')
    const options = { ...types, format: 'csv', columns, maxRowBytes } as const
    const [row] = await readRows(once(record), { rowCount: 1 }, options)
    if (row && 'json' in row) return row.json
    throw new UsageError(`--row ${text}: ${row?.message}`)
  } catch (failure) {
    if (!(failure instanceof JobFailure)) throw failure
    const takes = types.names ?? types.inputs?.map(({ name }) => name) ?? []
    throw new UsageError(
      `--row ${text}: ${withoutJobs(failure.message).replace('column(s)', 'value(s)')}${takes.length > 1 ? `; the service takes ${listed(takes)}` : ''}`,
    )
  }
}

/** A file of one input without names is read in the order of its columns; of a row, names in another order would be lost. */
function requireNames(text: string, given: readonly string[], { inputs, names }: RowTypes): void {
  if (names || inputs?.length !== 1) return
  const known = namedValues(inputs)?.map(({ name }) => name) ?? []
  if (given.length === known.length && given.every((name, index) => name === known[index])) return
  throw new UsageError(
    `--row ${text}: the service does not name the values of a row. Give them in order, without names; or name them in service.json: "input": {"columns": [${given.map(name => JSON.stringify(name)).join(', ')}]}, in the order of training`,
  )
}

function listed(names: readonly string[]): string {
  return names.length > 12 ? `${names.slice(0, 12).join(', ')}, …` : names.join(', ')
}

function requireJson(text: string): string {
  try {
    JSON.parse(text)
  } catch (cause) {
    throw new UsageError(`--row is not JSON: ${(cause as Error).message}`)
  }
  return text
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}

function quote(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}

/** The readers of files are those of batch jobs, which advise on the settings of a job. */
function withoutJobs(message: string): string {
  return message
    .replace(/^the columns of the input do not fit the service: /, '')
    .replace(/ \(or "[^)]*\), which the service takes/, '')
    .replace(/; if (.+) separate them, set "delimiter".*$/, '; separate columns by commas, not by $1')
    .replace(/[;,] (set )?"columns" in the input of the job.*$/, '')
}

/** Rows of a CSV file that are held at a time. */
const rowsAtOnce = 1000
const bytesAtOnce = 2 ** 20

export interface CsvOptions extends RowTypes {
  /** false: the first line is a row. */
  readonly header: boolean
}

/**
 * Reads the rows of a CSV file, gzipped or not, a part at a time.
 *
 * @returns rows as JSON text, or what is wrong with one
 * @throws StartupError when the file as a whole cannot be read
 */
export async function* readCsv(path: string, options: CsvOptions): AsyncGenerator<Row[]> {
  const source = await openSource(path)
  try {
    const header = options.header ? undefined : false
    const found = await csvColumns(source, { ...options, header })
    if (!found) throw new StartupError(`${path} is empty`)
    yield* readParts(source, found.offset, { ...options, columns: found.columns })
  } catch (failure) {
    if (!(failure instanceof JobFailure)) throw failure
    const advice =
      failure.code === 'INPUT_HAS_NO_HEADER'
        ? 'the first line holds numbers, and column names are expected there; add --no-header if it is a row'
        : withoutJobs(
            failure.message.replace(
              '"columns" in the input of the job can',
              '"input": {"columns": […]} in service.json can',
            ),
          )
    throw new StartupError(`${path}: ${advice}`)
  }
}

async function openSource(path: string): Promise<TextSource> {
  if (path === '-') throw new StartupError('--csv takes a file; write standard input to one')
  let stats: Stats
  try {
    stats = await stat(path)
  } catch (cause) {
    throw unreadableFile(path, cause)
  }
  // The header is read first, and the rows from there on.
  if (!stats.isFile())
    throw new StartupError(`${path} is ${stats.isDirectory() ? 'a folder' : 'no file'}; --csv takes a file`)
  return {
    read: range => createReadStream(path, { start: range?.start ?? 0 }),
    bytes: stats.size,
    isGzip: path.endsWith('.gz'),
    maxInputBytes: Number.POSITIVE_INFINITY,
  }
}

async function* readParts(
  source: TextSource,
  start: number,
  options: RowTypes & { readonly columns: readonly string[] },
): AsyncGenerator<Row[]> {
  const { pieces, offset } = await openText(source, start)
  const reader = new RowReader(new CsvScanner(offset), offset, maxRowBytes)
  let held: Uint8Array[] = []
  let heldBytes = 0
  const read = async () => {
    const text = held.flatMap(row => [row, lineFeed])
    const rowCount = held.length
    held = []
    heldBytes = 0
    return readRows(all(text), { rowCount }, { ...options, format: 'csv', maxRowBytes })
  }
  const hold = () => {
    const row = Buffer.from(reader.row ?? tooLargeRow)
    held.push(row)
    heldBytes += row.length
    return held.length === rowsAtOnce || heldBytes >= bytesAtOnce
  }
  for await (const piece of pieces) {
    reader.feed(piece)
    while (reader.next()) if (hold()) yield await read()
  }
  if (reader.finish()) hold()
  if (held.length > 0) yield await read()
}

const lineFeed = Buffer.from('\n')

async function* all(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts
}
