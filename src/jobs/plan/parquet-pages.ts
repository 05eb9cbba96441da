/** Reads the pages of one column of a row group, one after the other. */
import type { AsyncBuffer, ColumnMetaData, DecodedArray, PageHeader, SchemaTree } from 'hyparquet'
import type { ColumnDecoder } from 'hyparquet/src/types.js'
import { fault } from '../formats/parquet-file.ts'

/** Values of a column with the levels of their lists (parquet-format, README, "Nested Encoding"). */
export interface ColumnPage {
  readonly repetitions: readonly number[]
  /** Empty where nothing is null and no list is empty. */
  readonly definitions: readonly number[]
  /** What is not null; with a dictionary, indexes of its entries. */
  readonly values: DecodedArray
  readonly dictionary: DecodedArray | undefined
}

/** Bytes that are fetched at a time, if no page is longer. */
const windowBytes = 4 * 1024 ** 2
/** A header is shorter, but for the largest and least value of a column of long texts. */
const headerBytes = 64 * 1024

export interface PagedColumn {
  readonly metadata: ColumnMetaData
  /** From the root of the schema to the values. */
  readonly schemaPath: readonly SchemaTree[]
}

/** Memory does not grow with the column, but with its largest page. @throws InputUnreadable; Error for damaged bytes */
export async function* readPages(
  file: AsyncBuffer,
  { metadata, schemaPath }: PagedColumn,
): AsyncGenerator<ColumnPage, void> {
  const [{ parquetHeader, readPage }, dataPage, { parquetCodecs: compressors }] = await Promise.all([
    import('hyparquet/src/column.js'),
    import('hyparquet/src/datapage.js'),
    import('../formats/parquet-codecs.ts'),
  ])
  const { element } = schemaPath.at(-1) as SchemaTree
  const { path_in_schema: pathInSchema, codec, type } = metadata
  const path = [...schemaPath]
  const decoder = {
    pathInSchema,
    type,
    element,
    schemaPath: path,
    codec,
    compressors,
    utf8: false,
    parsers: {} as never,
  }
  const bytes = new ByteWindow(file, metadata)
  let dictionary: DecodedArray | undefined
  while (!bytes.isAtEnd) {
    const head = { view: asView(await bytes.peek(headerBytes)), offset: 0 }
    const header = parquetHeader(head)
    bytes.skip(head.offset)
    if (!(header.compressed_page_size >= 0)) throw fault('has a page of no length')
    const page = await bytes.peek(header.compressed_page_size)
    if (page.length < header.compressed_page_size) throw fault('has a page that ends too early')
    if (header.type === 'DICTIONARY_PAGE')
      dictionary = readPage({ view: asView(page), offset: 0 }, header, decoder, undefined, undefined, 0).data
    else yield decodePage(page.subarray(0, header.compressed_page_size), { header, decoder, dictionary, ...dataPage })
    bytes.skip(header.compressed_page_size)
  }
}

type Readers = Pick<typeof import('hyparquet/src/datapage.js'), 'decompressPage' | 'readDataPage' | 'readDataPageV2'>

interface PageToDecode extends Readers {
  readonly header: PageHeader
  readonly decoder: ColumnDecoder
  readonly dictionary: DecodedArray | undefined
}

function decodePage(page: Uint8Array, { header, decoder, dictionary, ...read }: PageToDecode): ColumnPage {
  const { data_page_header: first, data_page_header_v2: second } = header
  const encoding = (first ?? second)?.encoding
  const decoded = first
    ? read.readDataPage(
        read.decompressPage(page, header.uncompressed_page_size, decoder.codec, decoder.compressors),
        first,
        decoder,
      )
    : read.readDataPageV2(page, header, decoder)
  const { definitionLevels: definitions = [], repetitionLevels: repetitions, dataPage: values } = decoded
  const hasIndexes = encoding?.endsWith('_DICTIONARY') === true
  if (hasIndexes && !dictionary) throw fault('has a page without its dictionary')
  return { repetitions, definitions, values, dictionary: hasIndexes ? dictionary : undefined }
}

function asView({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength)
}

/** The bytes of a column, of which some are in memory. */
class ByteWindow {
  readonly #file: AsyncBuffer
  readonly #end: number
  #at: number
  #held = new Uint8Array()

  constructor(file: AsyncBuffer, metadata: ColumnMetaData) {
    const start = metadata.dictionary_page_offset || metadata.data_page_offset
    this.#file = file
    this.#at = Number(start)
    this.#end = Number(start + metadata.total_compressed_size)
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#end
  }

  /** @returns so many bytes or more; fewer at the end */
  async peek(count: number): Promise<Uint8Array> {
    const left = this.#end - this.#at
    if (this.#held.length < Math.min(count, left)) {
      const from = this.#at + this.#held.length
      const to = Math.min(this.#at + Math.max(count, windowBytes), this.#end)
      const more = new Uint8Array(await this.#file.slice(from, to))
      const held = new Uint8Array(this.#held.length + more.length)
      held.set(this.#held)
      held.set(more, this.#held.length)
      this.#held = held
    }
    return this.#held
  }

  skip(count: number): void {
    this.#at += count
    this.#held = this.#held.subarray(count)
  }
}
