/** Decompressors for every codec of Parquet. */
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import type { Compressors } from 'hyparquet'
import { decompressLz4, decompressLz4Raw, decompressSnappy, decompressZstd } from 'hyparquet-compressors'
import { fault, maxPartBytes } from './parquet-file.ts'

/** By the format's names. None can allocate more than the length that it is told, in bytes. */
const codecs: Compressors = {
  GZIP: (packed, length) => gunzipSync(packed, atMost(length)),
  BROTLI: (packed, length) => brotliDecompressSync(packed, atMost(length)),
  SNAPPY: decompressSnappy,
  LZ4: decompressLz4,
  LZ4_RAW: decompressLz4Raw,
  ZSTD: (packed, length) => decompressZstd(packed, new Uint8Array(length)),
}

/** The same, and they refuse pages that are too large for memory. */
export const parquetCodecs: Compressors = Object.fromEntries(
  Object.entries(codecs).map(([codec, unpack]) => [
    codec,
    (packed: Uint8Array, length: number) => {
      if (length > maxPartBytes) throw fault(`has a page of ${length} bytes; write smaller ones`)
      return unpack(packed, length)
    },
  ]),
)

/** zlib takes no limit of 0. */
function atMost(length: number) {
  return { maxOutputLength: Math.max(length, 1) }
}
