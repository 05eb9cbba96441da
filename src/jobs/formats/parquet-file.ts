import type { AsyncBuffer, Compressors, FileMetaData } from 'hyparquet'
import { InputUnreadable } from '../failure.ts'
import type { ReadInput } from './text-source.ts'

/** Of one column in one row group, packed; and of one page, unpacked. */
const maxPartBytes = 512 * 1024 ** 2

/** A Parquet file as hyparquet reads it: in ranges. */
export class ParquetFile implements AsyncBuffer {
  readonly byteLength: number
  /** Why a range could not be read: not the file's fault, whatever the parser says. */
  failure: unknown
  readonly #read: ReadInput

  constructor(read: ReadInput, bytes: number) {
    this.#read = read
    this.byteLength = bytes
  }

  slice(start: number, end = this.byteLength): Promise<ArrayBuffer> {
    const bytes = this.#fetch(start, end)
    // hyparquet asks for several ranges before it waits for the first; one that fails meanwhile must not end the process.
    bytes.catch(() => {})
    return bytes
  }

  async #fetch(start: number, end: number): Promise<ArrayBuffer> {
    try {
      if (!(start >= 0 && start <= end && end <= this.byteLength)) throw fault('names parts that lie outside of it')
      if (end - start > maxPartBytes)
        throw fault(`has a column of ${end - start} bytes in one row group; write smaller ones`)
      const bytes = new Uint8Array(end - start)
      let filled = 0
      // No storage answers an empty range.
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
 * @param leaves  paths of the columns that hold values
 * @throws InputUnreadable when a row group has other ones
 */
export function checkRowGroups({ row_groups }: FileMetaData, leaves: readonly string[]): void {
  for (const { columns, num_rows } of row_groups) {
    const paths = columns.map(({ meta_data }) => meta_data?.path_in_schema.join('.'))
    if (paths.length !== leaves.length || paths.some((path, index) => path !== leaves[index]) || num_rows < 0n) {
      throw fault('has row groups whose columns are not those of its schema')
    }
  }
}

/** Unpacks pages with every codec of the format; none that says it is larger than fits into memory. */
export async function parquetCodecs(): Promise<Compressors> {
  const { compressors, decompressZstd } = await import('hyparquet-compressors')
  // Given its output, it cannot make more of it.
  const all: Compressors = { ...compressors, ZSTD: (packed, length) => decompressZstd(packed, new Uint8Array(length)) }
  return Object.fromEntries(
    Object.entries(all).map(([codec, unpack]) => [
      codec,
      (packed: Uint8Array, length: number) => {
        if (length > maxPartBytes) throw fault(`has a page of ${length} bytes; write smaller ones`)
        return unpack(packed, length)
      },
    ]),
  )
}

function fault(what: string): InputUnreadable {
  return new InputUnreadable('INPUT_NOT_PARQUET', `the Parquet file ${what}`)
}
