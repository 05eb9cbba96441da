/** Writes zip files whose bytes depend on nothing but names and contents. (PKWARE, .ZIP File Format Specification, 6.3.10) */
import { closeSync, createReadStream, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { StartupError } from '../errors.ts'
import { type PackageEntry, sortEntries } from './package-entry.ts'

/** @returns the raw DEFLATE stream of a file's content */
export type Deflate = (content: Uint8Array, path: string) => Uint8Array

export interface PackedFile {
  readonly path: string
  /** Its own size, and that in the zip file. */
  readonly bytes: number
  readonly packedBytes: number
}

interface Packed extends PackedFile {
  readonly crc: number
  readonly method: number
  /** Where its local header begins. */
  readonly offset: number
}

const stored = 0
const deflated = 8
/** Larger files, which only weights of models are, are copied as they are: weights shrink by a few percent, and it takes minutes. */
const defaultMaxDeflatedBytes = 256 * 2 ** 20
/** Without the extension for larger ones (Zip64), which no deployment of Azure Functions needs. */
const maxFileBytes = 0xffff_ffff
const maxEntries = 0xffff
/** 1980-01-01 00:00, the first moment that the format can say: times of files would make each package another. */
const dosTime = 0
const dosDate = (1 << 5) | 1
const version = 20
const madeOnUnix = 3 << 8
/** A regular file that its owner may write and everybody read; Node.js needs no more to load native code. */
const mode = 0o100644
/** Names are UTF-8. */
const flags = 0x0800

/**
 * Writes a zip file, which is complete once it has its name.
 *
 * @returns its files in the order in which they are in it, which is by path
 * @throws StartupError when they are too large or too many for the format
 */
export async function writeZip(
  file: string,
  entries: readonly PackageEntry[],
  deflate: Deflate,
  { maxDeflatedBytes = defaultMaxDeflatedBytes }: { readonly maxDeflatedBytes?: number } = {},
): Promise<readonly PackedFile[]> {
  if (entries.length > maxEntries)
    throw new StartupError(`a package holds ${maxEntries} files at most, not ${entries.length}`)
  const partial = `${file}.${process.pid}.partial`
  const output = new Output(partial)
  try {
    const files: Packed[] = []
    for (const { path, source } of sortEntries(entries)) {
      const isLarge = typeof source === 'string' && statSync(source).size > maxDeflatedBytes
      files.push(isLarge ? await copy(path, source, output) : pack({ path, source }, output, deflate))
    }
    const start = output.length
    for (const each of files) output.write(centralHeader(each))
    output.write(endOfDirectory(files.length, start, output.length - start))
    output.close()
    renameSync(partial, file)
    return files
  } catch (failure) {
    output.close()
    rmSync(partial, { force: true })
    throw failure
  }
}

class Output {
  length = 0
  #descriptor: number | undefined

  constructor(path: string) {
    this.#descriptor = openSync(path, 'w')
  }

  /** @throws StartupError past the largest file that the format takes */
  write(bytes: Uint8Array): void {
    if (this.length + bytes.length > maxFileBytes) {
      throw new StartupError(
        'the package is larger than 4 GB, more than a deployment takes: keep large models elsewhere, such as in mounted storage that SCORING_MODELS names',
      )
    }
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#descriptor as number, bytes, at)
    this.length += bytes.length
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
  }
}

function pack({ path, source }: PackageEntry, output: Output, deflate: Deflate): Packed {
  const content = typeof source === 'string' ? readFileSync(source) : source
  const smaller = deflate(content, path)
  const isSmaller = smaller.length < content.length
  const data = isSmaller ? smaller : content
  const sizes = { bytes: content.length, packedBytes: data.length }
  const packed = { path, ...sizes, crc: crc32(content), method: isSmaller ? deflated : stored, offset: output.length }
  output.write(localHeader(packed))
  output.write(data)
  return packed
}

/** A file that is too large for memory, read twice: its checksum comes before it. */
async function copy(path: string, file: string, output: Output): Promise<Packed> {
  const bytes = statSync(file).size
  const packed = { path, bytes, packedBytes: bytes, crc: await checksum(file), method: stored, offset: output.length }
  output.write(localHeader(packed))
  const start = output.length
  for await (const chunk of createReadStream(file)) output.write(chunk)
  if (output.length !== start + bytes)
    throw new StartupError(`${file} changed while it was packed; run the command again`)
  return packed
}

async function checksum(file: string): Promise<number> {
  let crc = 0
  for await (const chunk of createReadStream(file)) crc = crc32(chunk, crc)
  return crc
}

/** Section 4.3.7. */
function localHeader(packed: Packed): Buffer {
  const name = Buffer.from(packed.path)
  const header = Buffer.alloc(30)
  header.writeUInt32LE(0x0403_4b50, 0)
  header.writeUInt16LE(version, 4)
  writeCommonFields(header.subarray(6), packed, name.length)
  return Buffer.concat([header, name])
}

/** Section 4.3.12. */
function centralHeader(packed: Packed): Buffer {
  const name = Buffer.from(packed.path)
  const header = Buffer.alloc(46)
  header.writeUInt32LE(0x0201_4b50, 0)
  header.writeUInt16LE(madeOnUnix | version, 4)
  header.writeUInt16LE(version, 6)
  writeCommonFields(header.subarray(8), packed, name.length)
  header.writeUInt32LE(mode * 0x1_0000, 38)
  header.writeUInt32LE(packed.offset, 42)
  return Buffer.concat([header, name])
}

function writeCommonFields(header: Buffer, { method, crc, packedBytes, bytes }: Packed, nameBytes: number): void {
  header.writeUInt16LE(flags, 0)
  header.writeUInt16LE(method, 2)
  header.writeUInt16LE(dosTime, 4)
  header.writeUInt16LE(dosDate, 6)
  header.writeUInt32LE(crc, 8)
  header.writeUInt32LE(packedBytes, 12)
  header.writeUInt32LE(bytes, 16)
  header.writeUInt16LE(nameBytes, 20)
}

/** Section 4.3.16. */
function endOfDirectory(count: number, start: number, bytes: number): Buffer {
  const record = Buffer.alloc(22)
  record.writeUInt32LE(0x0605_4b50, 0)
  record.writeUInt16LE(count, 8)
  record.writeUInt16LE(count, 10)
  record.writeUInt32LE(bytes, 12)
  record.writeUInt32LE(start, 16)
  return record
}
