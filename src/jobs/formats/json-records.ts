/** Records of JSON: objects that hold the values of a row by name, as a line of a CSV holds them by column. */
import { isUtf8 } from 'node:buffer'
import type { TensorInfo } from '../../models/session/model-session.ts'
import { readJson } from '../../tensor/json-reader.ts'
import { bodyMember } from './body-member.ts'
import { isEncryptedRow } from './encrypted-row.ts'
import { RowReader } from './row-reader.ts'
import { type ChunkFormat, createScanner } from './row-scanner.ts'
import type { TableNames } from './row-shape.ts'
import { splitObject } from './split-json.ts'
import { openText, type TextSource } from './text-source.ts'

/** The depth limit of a request, minus the levels that wrap a row. */
export const maxDepth = 990

interface RecordOptions extends TableNames {
  readonly format: Exclude<ChunkFormat, 'csv'>
  /** Undefined when rows are the bodies of requests to a script. */
  readonly inputs: readonly TensorInfo[] | undefined
  /** Names of inputs that a row may leave out. */
  readonly optionalInputs?: readonly string[] | undefined
  readonly maxRowBytes: number
}

/** The names of the values of a record, and which of them are lists. */
export interface FirstRecord {
  readonly columns: readonly string[]
  readonly isList: readonly boolean[]
}

/**
 * Reads the names in the first row of a text, by which the values of all its records are found.
 *
 * @returns undefined when that is no record, cannot be read, or gives inputs that not all rows need to give
 * @throws InputUnreadable
 */
export async function readFirstRecord(
  source: TextSource,
  { inputs, names = [], optionalInputs = [], format, maxRowBytes }: RecordOptions,
): Promise<FirstRecord | 'no rows' | undefined> {
  const row = await firstRow(source, format, maxRowBytes)
  if (row === 'no rows') return row
  if (!row || !isUtf8(row)) return undefined
  const json = Buffer.from(row.buffer, row.byteOffset, row.byteLength).toString()
  const value = parse(json)
  if (!isRecord(value) || isEncryptedRow(value) || bodyMember(value, inputs, names) !== undefined) return undefined
  const members = [...(splitObject(json) ?? [])]
  if (members.length === 0 || members.some(([name]) => optionalInputs.includes(name))) return undefined
  return { columns: members.map(([name]) => name), isList: members.map(([, text]) => /^[[{]/.test(text)) }
}

/** @returns undefined when the row is too large */
async function firstRow(
  source: TextSource,
  format: RecordOptions['format'],
  maxRowBytes: number,
): Promise<Uint8Array | 'no rows' | undefined> {
  const { pieces, offset } = await openText(source, 0)
  const rows = new RowReader(createScanner({ format }, offset, false), offset, maxRowBytes)
  for await (const piece of pieces) {
    rows.feed(piece)
    if (rows.next()) return rows.row
    if (rows.isOpen && !rows.holdsRow) return undefined
  }
  return rows.finish() ? rows.row : 'no rows'
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** @returns undefined when it is no JSON */
function parse(json: string): unknown {
  try {
    return readJson(json, { takesNonFinite: true })
  } catch {
    return undefined
  }
}
