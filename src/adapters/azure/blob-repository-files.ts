import { randomBytes } from 'node:crypto'
import { BlobChanged, BlobGone, type BlobReference, type BlobStore } from '../../jobs/blob-store.ts'
import {
  type Content,
  FileChanged,
  type FileEntry,
  type RepositoryFiles,
} from '../../models/repository/repository-files.ts'

/** Names of blobs that are no files in a folder: `iris/`, which tools make for an empty folder, and `iris/../model.onnx`. */
const hasNoPlace = /^\/|\/$|\/\/|(^|[\\/])\.\.?([\\/]|$)/

/** Larger files are uploaded in blocks of this size. */
const blockBytes = 8 * 1024 * 1024
/** Blocks of one file that are under way at a time. */
const parallelBlocks = 4

interface BlobRepositoryOptions {
  readonly blobs: BlobStore
  readonly container: string
  /** Empty, or a path that ends with `/`. */
  readonly prefix: string
  /** The URL of both, without a signature. */
  readonly location: string
}

/** A repository in a container of Azure Storage. Every blob appears whole, and its ETag is its version. */
export class BlobRepositoryFiles implements RepositoryFiles {
  readonly location: string
  readonly #blobs: BlobStore
  readonly #container: string
  readonly #prefix: string

  constructor({ blobs, container, prefix, location }: BlobRepositoryOptions) {
    this.#blobs = blobs
    this.#container = container
    this.#prefix = prefix
    this.location = location
  }

  async list(prefix: string): Promise<ReadonlyMap<string, FileEntry>> {
    const files = new Map<string, FileEntry>()
    for await (const { path, bytes, etag, metadata } of this.#blobs.list(this.#container, this.#prefix + prefix)) {
      const isFolder = metadata.hdi_isfolder === 'true' // a folder of an account with a hierarchical namespace
      const own = path.slice(this.#prefix.length)
      if (!isFolder && !hasNoPlace.test(own)) files.set(own, { bytes, version: etag })
    }
    return files
  }

  async *read(path: string, version: string): AsyncIterable<Uint8Array> {
    try {
      yield* this.#blobs.read(this.#blob(path), version)
    } catch (failure) {
      if (failure instanceof BlobGone || failure instanceof BlobChanged) throw new FileChanged(path)
      throw failure
    }
  }

  async readText(path: string): Promise<{ text: string; version: string } | undefined> {
    const found = await this.#blobs.readWhole(this.#blob(path))
    return found && { text: Buffer.from(found.content).toString(), version: found.etag }
  }

  async create(path: string, content: Content): Promise<boolean> {
    const blob = this.#blob(path)
    const blocks = inBlocks(content())
    const first = await blocks.next()
    const create = async (bytes: Uint8Array) => (await this.#blobs.create(blob, bytes)) !== undefined
    if (first.done) return create(new Uint8Array())
    const second = await blocks.next()
    if (second.done) return create(first.value)
    const ids: string[] = []
    const writer = randomBytes(9).toString('hex') // others may stage blocks of the same blob
    const underWay = new Set<Promise<void>>()
    const stage = async (block: Uint8Array) => {
      const id = Buffer.from(`${writer}${String(ids.length).padStart(6, '0')}`).toString('base64')
      ids.push(id)
      const staging = this.#blobs.stageBlock(blob, id, block)
      underWay.add(staging)
      staging.then(
        () => underWay.delete(staging),
        () => {}, // awaited below
      )
      if (underWay.size >= parallelBlocks) await Promise.race(underWay)
    }
    try {
      await stage(first.value)
      await stage(second.value)
      for await (const block of blocks) await stage(block)
      await Promise.all(underWay)
    } catch (failure) {
      await Promise.allSettled(underWay)
      throw failure
    }
    const outcome = await this.#blobs.commitBlocks(blob, ids, {})
    if (outcome === 'missing') throw new Error(`blocks of ${path} were discarded by the storage; try again`)
    return outcome === 'committed'
  }

  async replace(path: string, text: string, version: string): Promise<boolean> {
    return (await this.#blobs.replace(this.#blob(path), text, version)) !== undefined
  }

  remove(path: string): Promise<void> {
    return this.#blobs.remove(this.#blob(path))
  }

  #blob(path: string): BlobReference {
    return { container: this.#container, path: this.#prefix + path }
  }
}

/** @returns the same bytes in blocks of equal size, but for the last one, which is not empty */
async function* inBlocks(
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array, undefined> {
  let block = Buffer.allocUnsafe(blockBytes)
  let filled = 0
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      const taken = Math.min(piece.length - at, blockBytes - filled)
      block.set(piece.subarray(at, at + taken), filled)
      at += taken
      filled += taken
      if (filled < blockBytes) continue
      yield block
      block = Buffer.allocUnsafe(blockBytes)
      filled = 0
    }
  }
  if (filled > 0) yield block.subarray(0, filled)
  return undefined
}
