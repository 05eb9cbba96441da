/** Plans the files of a job one after the other. No chunk has rows of two files. */
import { InputUnreadable } from '../failure.ts'
import type { ReadInput } from '../formats/text-source.ts'
import type { PlanCursor } from '../plan-parts.ts'
import type { NextChunk } from './chunk-builder.ts'
import { type PlanOptions, planChunks } from './plan-chunks.ts'

export interface PlannedFile {
  /** For messages. */
  readonly name: string
  readonly bytes: number
  readonly read: ReadInput
}

/** Files of this size are read as a whole, and some before it is their turn: each read costs a round trip. */
const smallBytes = 2 ** 20
const readAhead = 8

/**
 * Divides files into chunks of whole rows. The same files and options give the same chunks, whatever the cursor. Memory does not
 * grow with the number of files.
 *
 * @param cursor  `next` of the last planned chunk, or the start
 * @throws InputUnreadable naming the file, after the chunks before the fault; what `read` throws
 */
export async function* planFiles(
  files: readonly PlannedFile[],
  options: Omit<PlanOptions, 'bytes'>,
  cursor: PlanCursor,
): AsyncGenerator<NextChunk> {
  const ahead = new ReadAhead(files)
  let at: PlanCursor & Required<Pick<PlanCursor, 'file'>> = {
    file: { index: 0, firstRow: 0, bytesBefore: 0 },
    ...cursor,
  }
  while (at.file.index < files.length) {
    const { file } = at
    const { name, bytes } = files[file.index] as PlannedFile
    const { columns: first, types, isDecoded, ...begin } = { ...at, row: at.row - file.firstRow }
    const own = { ...(first && { columns: first }), ...(types && { types }), ...(isDecoded && { isDecoded }) }
    const isNew = begin.row === 0
    try {
      const chunks = planChunks(ahead.open(file.index), { ...options, bytes }, isNew ? begin : { ...begin, ...own })
      for await (const { next, firstRow, ...chunk } of chunks) {
        const columns = sameColumns(options, first, next.columns)
        requireSameTypes(options, types, next.types)
        at = { ...next, ...(columns && { columns }), row: next.row + file.firstRow, file }
        const position = { index: file.index, firstRow: file.firstRow }
        yield { ...chunk, firstRow: firstRow + file.firstRow, file: position, next: at }
      }
    } catch (failure) {
      if (!(failure instanceof InputUnreadable)) throw failure
      throw new InputUnreadable(failure.code, `${name}: ${failure.message}`, { cause: failure })
    }
    at = {
      ...at,
      offset: 0,
      file: { index: file.index + 1, firstRow: at.row, bytesBefore: file.bytesBefore + bytes },
    }
  }
}

/**
 * All chunks of a part of the plan are read with the same columns.
 *
 * @throws InputUnreadable INPUT_COLUMNS_UNFIT
 */
function sameColumns(
  { format }: Pick<PlanOptions, 'format'>,
  first: readonly string[] | undefined,
  columns: readonly string[] | undefined,
): readonly string[] | undefined {
  if (!first || !columns) return first ?? columns
  // Values of records are found by their names in each of them.
  if (format === 'json' || format === 'jsonl') return first
  // So are those of Parquet, of which the output has the same columns for all files.
  if (format === 'parquet') {
    requireSameNames(first, columns)
    return first
  }
  const at = first.findIndex((name, index) => name !== columns[index])
  if (at < 0 && first.length === columns.length) return first
  const found = at < 0 ? `${columns.length} columns` : `column ${at + 1} is "${columns[at] ?? ''}"`
  const expected = at < 0 ? String(first.length) : `"${first[at]}"`
  throw new InputUnreadable(
    'INPUT_COLUMNS_UNFIT',
    `the columns are not those of the first file: ${found}, not ${expected}`,
  )
}

function requireSameNames(first: readonly string[], columns: readonly string[]): void {
  const [expected, found] = [new Set(first), new Set(columns)]
  const missing = first.find(name => !found.has(name))
  const unknown = columns.find(name => !expected.has(name))
  if (missing === undefined && unknown === undefined) return
  const what = missing === undefined ? `"${unknown}" is new` : `"${missing}" is missing`
  throw new InputUnreadable('INPUT_COLUMNS_UNFIT', `the columns are not those of the first file: ${what}`)
}

/**
 * A column of the output has one type.
 *
 * @throws InputUnreadable INPUT_COLUMNS_UNFIT
 */
function requireSameTypes(
  { include = [] }: Pick<PlanOptions, 'include'>,
  first: PlanCursor['types'] | undefined,
  found: PlanCursor['types'] = {},
): void {
  if (!first) return
  for (const name of include === 'all' ? new Set([...Object.keys(first), ...Object.keys(found)]) : include) {
    if (first[name] === found[name]) continue
    const describe = (types: PlanCursor['types'] = {}) => types[name] ?? 'text'
    throw new InputUnreadable(
      'INPUT_COLUMNS_UNFIT',
      `column "${name}" is of type ${describe(found)}, and of type ${describe(first)} in the first file`,
    )
  }
}

/** Small files that are read before they are planned. */
class ReadAhead {
  readonly #files: readonly PlannedFile[]
  readonly #contents = new Map<number, Promise<Uint8Array>>()

  constructor(files: readonly PlannedFile[]) {
    this.#files = files
  }

  /** @returns what reads a file. Files before it are not needed any more. */
  open(index: number): ReadInput {
    for (const read of this.#contents.keys()) if (read < index) this.#contents.delete(read)
    for (let next = index; next < Math.min(index + readAhead, this.#files.length); next++) this.#begin(next)
    const content = this.#contents.get(index)
    if (!content) return (this.#files[index] as PlannedFile).read
    return async function* ({ start = 0, end } = { start: 0 }) {
      yield (await content).subarray(start, end)
    }
  }

  #begin(index: number): void {
    const { bytes, read } = this.#files[index] as PlannedFile
    if (bytes === 0 || bytes > smallBytes || this.#contents.has(index)) return
    const content = collect(read())
    content.catch(() => {}) // reported when the file is planned
    this.#contents.set(index, content)
  }
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all)
}
