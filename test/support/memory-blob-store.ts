import assert from 'node:assert/strict'
import {
  anyVersion,
  BlobChanged,
  BlobGone,
  type BlobHead,
  type BlobMetadata,
  type BlobReference,
  type BlobStore,
  type ByteRange,
  type ListedBlob,
  type ReadableReference,
} from '../../src/jobs/blob-store.ts'
import { StorageHooks } from './storage-hooks.ts'

interface StoredBlob extends BlobHead {
  readonly content: Uint8Array
}

/** What was staged beside a blob. */
interface Staged {
  readonly blocks: Map<string, Uint8Array>
  lastAt: number
}

export interface MemoryBlobStoreOptions {
  /** Milliseconds since 1970 by the storage's clock; default: stands still in 2026. */
  readonly now?: () => number
  /** From 0 up to but not with 1: sizes of pieces and pages, and whether a read notices that its blob changed. */
  readonly random?: () => number
}

const weekMs = 7 * 24 * 3_600_000
const maxBlocks = 50_000
const maxStagedBlocks = 100_000

/**
 * Blobs in memory, by Azure's rules (REST reference: Put Blob, Put Block, Put Block List, List Blobs), for tests that
 * need every interleaving. The contract suite holds it against the real thing.
 */
export class MemoryBlobStore implements BlobStore {
  readonly hooks = new StorageHooks()
  readonly #blobs = new Map<string, StoredBlob>()
  readonly #staged = new Map<string, Staged>()
  readonly #now: () => number
  readonly #random: () => number
  #versions = 0

  constructor({ now = () => Date.UTC(2026, 0, 1), random = Math.random }: MemoryBlobStoreOptions = {}) {
    this.#now = now
    this.#random = random
  }

  async now(): Promise<number> {
    return this.#now()
  }

  head(reference: ReadableReference): Promise<BlobHead | undefined> {
    const name = nameOf(reference)
    return this.hooks.around('head', name, () => {
      const blob = this.#blobs.get(name)
      return blob && headOf(blob)
    })
  }

  async *read(reference: ReadableReference, etag: string, range: ByteRange = { start: 0 }): AsyncIterable<Uint8Array> {
    const name = nameOf(reference)
    const current = () => {
      const blob = this.#blobs.get(name)
      if (!blob) throw new BlobGone(`there is no blob ${name}`)
      if (blob.etag !== etag) throw new BlobChanged(`the blob ${name} is another version`)
      return blob
    }
    let blob: StoredBlob | undefined
    let at = range.start
    for (;;) {
      const piece = await this.hooks.around('read', name, () => {
        // A read that goes on sees its version to the end, unless the connection breaks.
        if (!blob || this.#random() < 0.5) blob = current()
        const end = Math.min(range.end ?? blob.bytes, blob.bytes)
        const longest = end - at
        return blob.content.slice(at, at + Math.min(longest, 1 + Math.floor(this.#random() ** 3 * longest)))
      })
      if (piece.length === 0) return
      at += piece.length
      yield piece
    }
  }

  readWhole(reference: BlobReference): Promise<(BlobHead & { readonly content: Uint8Array }) | undefined> {
    const name = nameOf(reference)
    return this.hooks.around('readWhole', name, () => {
      const blob = this.#blobs.get(name)
      return blob && { ...headOf(blob), content: blob.content.slice() }
    })
  }

  async create(
    reference: BlobReference,
    content: Uint8Array | string,
    metadata: BlobMetadata = {},
  ): Promise<string | undefined> {
    checkMetadata(metadata)
    const name = nameOf(reference)
    return this.hooks.around('create', name, () => {
      if (this.#blobs.has(name)) return undefined
      return this.#write(name, bytesOf(content), metadata)
    })
  }

  replace(
    reference: BlobReference,
    content: Uint8Array | string,
    etag: string,
    metadata: BlobMetadata = {},
  ): Promise<string | undefined> {
    checkMetadata(metadata)
    const name = nameOf(reference)
    return this.hooks.around('replace', name, () => {
      const current = this.#blobs.get(name)
      if (!current || (etag !== anyVersion && current.etag !== etag)) return undefined
      return this.#write(name, bytesOf(content), metadata)
    })
  }

  remove(reference: BlobReference): Promise<void> {
    const name = nameOf(reference)
    return this.hooks.around('remove', name, () => {
      if (this.#blobs.delete(name)) this.#staged.delete(name)
    })
  }

  async *list(container: string, prefix: string): AsyncIterable<ListedBlob> {
    let last = ''
    for (;;) {
      const page = await this.hooks.around('list', `${container}/${prefix}`, () => this.#page(container, prefix, last))
      if (page.length === 0) return
      yield* page
      last = page.at(-1)!.path
    }
  }

  async stageBlock(reference: BlobReference, blockId: string, content: Uint8Array): Promise<void> {
    assert.match(blockId, /^[A-Za-z0-9+/]+={0,2}$/, 'a block id is base64')
    assert.ok(Buffer.from(blockId, 'base64').length <= 64, 'a block id is 64 bytes at most')
    assert.ok(content.length > 0, 'a block is not empty')
    const name = nameOf(reference)
    return this.hooks.around('stageBlock', name, () => {
      const staged = this.#stagedOf(name)
      const [first = blockId] = staged.blocks.keys()
      assert.equal(blockId.length, first.length, 'ids of blocks are equally long')
      staged.blocks.set(blockId, content.slice())
      assert.ok(staged.blocks.size <= maxStagedBlocks, 'at most 100,000 staged blocks')
      staged.lastAt = this.#now()
      this.#staged.set(name, staged)
    })
  }

  async commitBlocks(
    reference: BlobReference,
    blockIds: readonly string[],
    metadata: BlobMetadata,
    replacedEtag?: string,
  ): Promise<'committed' | 'exists' | 'missing'> {
    assert.ok(blockIds.length <= maxBlocks, 'at most 50,000 blocks')
    checkMetadata(metadata)
    const name = nameOf(reference)
    return this.hooks.around('commitBlocks', name, () => {
      if (this.#blobs.get(name)?.etag !== replacedEtag) return 'exists'
      const staged = this.#stagedOf(name)
      const blocks = blockIds.map(id => staged.blocks.get(id))
      if (!blocks.every(block => block !== undefined)) return 'missing'
      this.#write(name, Buffer.concat(blocks), metadata)
      return 'committed'
    })
  }

  /** Overwrites a blob, as a user or another account does. */
  put(reference: ReadableReference, content: Uint8Array | string, metadata: BlobMetadata = {}): void {
    this.#write(nameOf(reference), bytesOf(content), metadata)
  }

  /** All names `<container>/<path>`, in order, without operations. */
  names(): string[] {
    return [...this.#blobs.keys()].sort()
  }

  /** Text of a blob, without an operation. */
  text(reference: ReadableReference): string | undefined {
    const blob = this.#blobs.get(nameOf(reference))
    return blob && Buffer.from(blob.content).toString()
  }

  /** Drops uncommitted blocks, as the storage does after a week. */
  dropStagedBlocks(reference: BlobReference): void {
    this.#staged.delete(nameOf(reference))
  }

  /** Every write creates a version, and drops all blocks that were staged for the blob. */
  #write(name: string, content: Uint8Array, metadata: BlobMetadata): string {
    const etag = `"0x${(++this.#versions).toString(16).padStart(15, '0').toUpperCase()}"`
    // Times are those of the header Last-Modified, in whole seconds.
    const modifiedAt = Math.floor(this.#now() / 1000) * 1000
    this.#blobs.set(name, { bytes: content.length, etag, metadata: { ...metadata }, modifiedAt, content })
    this.#staged.delete(name)
    return etag
  }

  #stagedOf(name: string): Staged {
    const staged = this.#staged.get(name)
    const isKept = staged && this.#now() <= staged.lastAt + weekMs
    return isKept ? staged : { blocks: new Map(), lastAt: this.#now() }
  }

  #page(container: string, prefix: string, last: string): ListedBlob[] {
    const paths = [...this.#blobs.keys()]
      .filter(name => name.startsWith(`${container}/${prefix}`))
      .map(name => name.slice(container.length + 1))
      .filter(path => path > last)
      .sort()
    return paths
      .slice(0, 1 + Math.floor(this.#random() * 100))
      .map(path => ({ path, ...headOf(this.#blobs.get(`${container}/${path}`)!) }))
  }
}

function nameOf(reference: ReadableReference): string {
  return 'url' in reference ? reference.url : `${reference.container}/${reference.path}`
}

function headOf({ bytes, etag, metadata, modifiedAt }: StoredBlob): BlobHead {
  return { bytes, etag, metadata: { ...metadata }, modifiedAt }
}

function bytesOf(content: Uint8Array | string): Uint8Array {
  return typeof content === 'string' ? Buffer.from(content) : content.slice()
}

function checkMetadata(metadata: BlobMetadata): void {
  for (const [name, value] of Object.entries(metadata)) {
    assert.match(name, /^[a-z_][a-z0-9_]*$/, 'names of metadata are lower case')
    assert.match(value, /^[!-~]([ -~]*[!-~])?$/, 'values of metadata are ASCII, without spaces around')
  }
}
