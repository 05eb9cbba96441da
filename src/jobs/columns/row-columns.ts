/** Reads the rows of a text into tensors: as many as can be straight from the bytes, the others as over HTTP. */
import { isUtf8 } from 'node:buffer'
import { isServerFault, ScoringError } from '../../errors.ts'
import type { Feeds, TensorInfo } from '../../models/session/model-session.ts'
import { atLine } from '../at-line.ts'
import { PackedColumns } from '../formats/packed-columns.ts'
import { type ReadOptions, rowReader, tableShape } from '../formats/read-rows.ts'
import { type RowForm, tensorRowForm } from '../formats/row-form.ts'
import { createChunkScanner } from '../formats/row-scanner.ts'
import type { Row, RowReading, TextOfRows } from '../row-scorer.ts'
import { csvRows } from './csv-rows.ts'
import { floatRows } from './float-rows.ts'
import { jsonRecords } from './json-records.ts'
import { jsonRows } from './json-rows.ts'
import { packedTargets, storePacked } from './packed-rows.ts'
import type { RowTarget } from './row-target.ts'
import { NotForColumns, RowTensors } from './row-tensors.ts'

/**
 * Stores the row between two offsets as row `row` of the tensors.
 *
 * @returns false where it takes more than that to read it, or it has a fault
 */
export type StraightRead = (start: number, end: number, row: number) => boolean

/** Why a row has no prediction. */
export interface RowFault {
  readonly code: string
  readonly message: string
}

export interface ReadColumns {
  /** The rows without a fault, in order; empty where all have one. */
  readonly feeds: Feeds
  /** By the index of the row in the text. */
  readonly faults: ReadonlyMap<number, RowFault>
}

/** How a text is read, how many rows it has, and the line of its file in which it begins. */
interface TextReading extends RowReading, Pick<TextOfRows, 'rowCount' | 'firstLine'> {
  /** Index of the first row in packed columns; absent: it is a text. */
  readonly from?: number
}

interface ColumnSource {
  readonly inputs: readonly TensorInfo[]
  /** Decodes the JSON body of a request. @throws ScoringError */
  decode(body: string): Feeds
}

/**
 * @throws NotForColumns; Error when there are other rows than there should be
 */
export function readColumns(text: Uint8Array, rows: TextReading, source: ColumnSource): ReadColumns {
  const bytes = Buffer.from(text.buffer, text.byteOffset, text.byteLength)
  return new ColumnReader(bytes, rows, source).read()
}

/**
 * Lets readers look one byte beyond the text, whatever it is. Code that has once read beyond the end of an array, which gives
 * `undefined`, is compiled for values of any type, and takes twice as long.
 */
function withByteBehind(bytes: Buffer): Buffer {
  const length = bytes.byteLength + 1
  if (bytes.byteOffset + length <= bytes.buffer.byteLength) return Buffer.from(bytes.buffer, bytes.byteOffset, length)
  const copy = Buffer.alloc(length)
  bytes.copy(copy)
  return copy
}

/** A row that is not read straight. */
interface OtherRow {
  readonly index: number
  /** Line ends of the text before it. */
  readonly startLine: number
}

/** A row that is decoded as JSON. */
interface JsonRow extends OtherRow {
  /** Its row of the tensors. */
  readonly slot: number
  readonly json: string
}

class ColumnReader {
  readonly #bytes: Buffer
  /** The same memory with a byte behind the text. */
  readonly #padded: Buffer
  readonly #rows: TextReading
  readonly #source: ColumnSource
  readonly #options: ReadOptions
  readonly #form: RowForm
  readonly #faults = new Map<number, RowFault>()
  /** Set with the first row that could be decoded. */
  #tensors: RowTensors | undefined
  #straight: StraightRead | undefined
  #jsonRows: JsonRow[] = []
  /** Slots of rows that have a fault. */
  readonly #gaps: number[] = []
  #slot = 0

  constructor(bytes: Buffer, rows: TextReading, source: ColumnSource) {
    this.#bytes = bytes
    this.#padded = rows.from === undefined ? withByteBehind(bytes) : bytes
    this.#rows = rows
    this.#source = source
    this.#options = { ...rows, inputs: source.inputs }
    this.#form = tensorRowForm(source.inputs, true)
  }

  read(): ReadColumns {
    const { from } = this.#rows
    return from === undefined ? this.#readText() : this.#readPacked(PackedColumns.open(this.#bytes), from)
  }

  #readText(): ReadColumns {
    const { rowCount, maxRowBytes } = this.#rows
    const bytes = this.#bytes
    const scanner = createChunkScanner(this.#rows)
    const readRow = rowReader(this.#options)
    const isText = isUtf8(bytes)
    let index = 0
    const add = () => {
      const { start, end, startLine } = scanner
      if (index === rowCount) throw new Error(`the text has more than the ${rowCount} rows that were planned`)
      const isTooLarge = end - start > maxRowBytes
      const isStraight = isText && !isTooLarge && this.#straight?.(start, end, this.#slot) === true
      if (isStraight) this.#slot++
      else {
        this.#addOther({ index, startLine }, readRow(isTooLarge ? undefined : bytes.subarray(start, end)))
        this.#straight ??= this.#tensors && (this.#straightRead(this.#tensors) ?? (() => false))
      }
      index++
    }
    scanner.feed(bytes)
    while (scanner.next()) add()
    if (scanner.finish()) add()
    if (index !== rowCount) throw new Error(`the text has ${index} rows; ${rowCount} were planned`)
    return this.#finish()
  }

  #readPacked(packed: PackedColumns, from: number): ReadColumns {
    const { rowCount, missing = 'nan' } = this.#rows
    if (from + rowCount > packed.rowCount)
      throw new Error(`there are ${packed.rowCount} packed rows; ${from + rowCount} were planned`)
    const readRow = rowReader(this.#options)
    const add = (index: number) => this.#addOther({ index, startLine: 0 }, readRow(packed.text(from + index)))
    let index = 0
    while (index < rowCount && !this.#tensors) add(index++)
    if (!this.#tensors) return this.#finish()
    const [first, slot] = [index, this.#slot]
    const targets = packedTargets(this.#source.inputs, this.#tensors)
    const left = storePacked(packed, targets, { from: from + first, count: rowCount - first, slot, missing })
    for (; index < rowCount; index++) {
      const faultCount = this.#faults.size
      this.#slot = slot + index - first
      if (left[index - first] === 1) add(index)
      if (this.#faults.size > faultCount) this.#gaps.push(this.#slot)
    }
    this.#slot = slot + rowCount - first
    return this.#finish()
  }

  #addOther(place: OtherRow, row: Row): void {
    if ('code' in row) this.#addFault(place, row)
    else if (row.isEncrypted) throw new NotForColumns('one is encrypted')
    else if (this.#tensors) this.#jsonRows.push({ ...place, slot: this.#slot++, json: row.json })
    else this.#addFirst(place, row.json)
  }

  /** The first row shows the form of all. */
  #addFirst(place: OtherRow, json: string): void {
    const feeds = this.#decodeOne(place, json)
    if (!feeds) return
    this.#tensors = new RowTensors(feeds, this.#rows.rowCount)
    this.#tensors.store(feeds, 0, this.#slot++)
  }

  /** @returns undefined where the row has a fault */
  #decodeOne(place: OtherRow, json: string): Feeds | undefined {
    try {
      return this.#source.decode(this.#form.encodeBody([json]))
    } catch (failure) {
      if (!(failure instanceof ScoringError) || isServerFault(failure.status)) throw failure
      this.#addFault(place, failure)
      return undefined
    }
  }

  #addFault({ index, startLine }: OtherRow, { code, message }: RowFault): void {
    const { firstLine } = this.#rows
    this.#faults.set(index, atLine({ code, message }, firstLine === undefined ? undefined : firstLine + startLine))
  }

  #straightRead(tensors: RowTensors): StraightRead | undefined {
    const { format, columns, missing = 'nan', dialect } = this.#rows
    const { inputs } = this.#source
    if (columns) {
      const targets = columnTargets(columns, tensors, this.#options)
      if (!targets) return undefined
      if (format !== 'csv') return jsonRecords(this.#padded, { columns, targets, missing })
      const any = csvRows(this.#padded, targets, { missing, dialect })
      const floats = floatRows(this.#padded, targets, dialect ?? {})
      return floats ? (start, end, row) => floats(start, end, row) || any(start, end, row) : any
    }
    const [only] = inputs
    const tensor = only && inputs.length === 1 ? tensors.find(only.name) : undefined
    if (!tensor || tensors.count > 1 || ['string', 'bool'].includes(tensor.dtype)) return undefined
    const { targets, shape } = tensor
    const nested = jsonRows(this.#padded, { targets, shape, missing })
    if (shape.length < 2) return nested
    const flat = jsonRows(this.#padded, { targets, shape: [targets.length], missing })
    return (start, end, row) => nested(start, end, row) || flat(start, end, row)
  }

  #finish(): ReadColumns {
    const tensors = this.#tensors
    if (!tensors) return { feeds: {}, faults: this.#faults }
    if (!this.#decodeTogether(tensors)) this.#gaps.push(...this.#decodeEach(tensors))
    const gaps = this.#gaps.sort((one, other) => one - other)
    return { feeds: tensors.feeds(this.#slot, gaps), faults: this.#faults }
  }

  /** @returns whether all rows that are left were decoded by one call */
  #decodeTogether(tensors: RowTensors): boolean {
    const rows = this.#jsonRows
    if (rows.length === 0) return true
    if (rows.length === 1 || !rows.every(({ json }) => this.#form.canShareRequest(json))) return false
    let feeds: Feeds
    try {
      feeds = this.#source.decode(this.#form.encodeBody(rows.map(({ json }) => json)))
    } catch {
      return false // alone, each row says what is wrong with it
    }
    if (!tensors.fit(feeds, rows.length)) return false
    for (const [at, { slot }] of rows.entries()) tensors.store(feeds, at, slot)
    return true
  }

  /** @returns the slots of rows with a fault */
  #decodeEach(tensors: RowTensors): number[] {
    const faulty: number[] = []
    for (const row of this.#jsonRows) {
      const feeds = this.#decodeOne(row, row.json)
      if (!feeds) faulty.push(row.slot)
      else if (tensors.fit(feeds, 1)) tensors.store(feeds, 0, row.slot)
      else throw new NotForColumns('their shapes differ')
    }
    return faulty
  }
}

/** @returns a target for each column of the file; undefined where columns and elements do not correspond */
function columnTargets(
  columns: readonly string[],
  tensors: RowTensors,
  options: ReadOptions,
): (RowTarget | undefined)[] | undefined {
  const inputs = options.inputs ?? []
  const cells = tableShape(options)?.cells ?? []
  if (tensors.count !== inputs.length) return undefined
  const targets = inputs.flatMap(({ name }) => tensors.find(name)?.targets ?? [])
  if (targets.length !== cells.length) return undefined
  const ofColumns = new Array<RowTarget | undefined>(columns.length).fill(undefined)
  for (const [at, { column, dtype }] of cells.entries()) {
    if (ofColumns[column] || targets[at]?.dtype !== dtype) return undefined
    ofColumns[column] = targets[at]
  }
  return ofColumns
}
