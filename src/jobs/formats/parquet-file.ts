import type { AsyncBuffer, FileMetaData } from 'hyparquet'
import { InputUnreadable } from '../failure.ts'
import type { ReadInput } from './text-source.ts'

/** Largest compressed column of a row group, and largest decompressed page. */
export const maxPartBytes = 512 * 1024 ** 2

/** A Parquet file that hyparquet reads in ranges. */
export class ParquetFile implements AsyncBuffer {
  readonly byteLength: number
  /** Failure to read a range. It takes precedence over what the parser makes of it. */
  failure: unknown
  readonly #read: ReadInput

  constructor(read: ReadInput, bytes: number) {
    this.#read = read
    this.byteLength = bytes
  }

  slice(start: number, end = this.byteLength): Promise<ArrayBuffer> {
    const bytes = this.#fetch(start, end)
    // hyparquet requests several ranges before it awaits the first. An unhandled rejection would end the process.
    bytes.catch(() => {})
    return bytes
  }

  async #fetch(start: number, end: number): Promise<ArrayBuffer> {
    try {
      if (!(start >= 0 && start <= end && end <= this.byteLength)) throw fault('refers to bytes outside the file')
      if (end - start > maxPartBytes)
        throw fault(`has a column of ${end - start} bytes in one row group; write smaller ones`)
      const bytes = new Uint8Array(end - start)
      let filled = 0
      // Storage refuses an empty range.
      if (end > start) {
        for await (const piece of this.#read({ start, end })) {
          bytes.set(piece, filled)
          filled += piece.length
        }
      }
      if (filled < bytes.length) throw fault('ends too early')
      return bytes.buffer
    } catch (failure) {
      this.failure ??= failure
      throw failure
    }
  }
}

/**
 * Checks that every row group has the columns of the schema.
 *
 * @param leaves  paths of the columns that hold values
 * @throws InputUnreadable
 */
export function checkRowGroups({ row_groups }: FileMetaData, leaves: readonly string[]): void {
  for (const { columns, num_rows } of row_groups) {
    const encrypted = columns.findIndex(column => column.crypto_metadata)
    if (encrypted >= 0) throw fault(`is encrypted in column "${leaves[encrypted]}"; write it without encryption`)
    const paths = columns.map(({ meta_data }) => meta_data?.path_in_schema.join('.'))
    if (paths.length !== leaves.length || paths.some((path, index) => path !== leaves[index]) || num_rows < 0n) {
      throw fault('has row groups whose columns are not those of its schema')
    }
  }
}

/** parquet-format, Encryption.md, "Encrypted Footer Mode": such files end with another magic number. @throws the cause; InputUnreadable */
export async function throwIfEncrypted(file: ParquetFile, cause: unknown): Promise<never> {
  const end = file.byteLength < 12 ? new ArrayBuffer() : await file.slice(file.byteLength - 4)
  if (Buffer.from(end).toString('latin1') === 'PARE') throw fault('is encrypted; write it without encryption')
  throw cause
}

export function fault(what: string): InputUnreadable {
  return new InputUnreadable('INPUT_NOT_PARQUET', `the Parquet file ${what}`)
}
