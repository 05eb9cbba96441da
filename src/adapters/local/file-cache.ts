import { createHash, randomBytes } from 'node:crypto'
import { constants, createReadStream, createWriteStream } from 'node:fs'
import { copyFile, link, mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'

/** A file that is kept, by what it is a copy of. */
export interface CachedSource {
  /** Another one for each file, and for each version of it. */
  readonly key: string
  /** Its name in messages. */
  readonly name: string
  readonly bytes: number
  /** As it is known to be, hexadecimal; undefined: it is what was read. */
  readonly sha256: string | undefined
  read(): AsyncIterable<Uint8Array>
}

interface CacheOptions {
  /** Made when it is missing. Several processes may share it. */
  readonly folder: string
  /** Most bytes of the files; those that are in use may be more. */
  readonly maxBytes: number
  log(line: string): void
}

/** What a process that ended has left. */
const leftAfterMs = 24 * 3_600_000

/**
 * Copies of files from elsewhere, on disk. A file is under its key and its SHA-256, so one that was damaged is noticed and read
 * again; it gets its place whole, by a rename, so that processes may share the folder and end at any moment. Files that have
 * not been used for longest make room.
 */
export class FileCache {
  readonly #options: CacheOptions
  readonly #fetching = new Map<string, Promise<string>>()
  /** Bytes of the files when they were listed last, and of those that were added since; undefined: not listed yet. */
  #bytes: number | undefined
  /** With more bytes than that, room is made. */
  #pruneAbove = 0

  constructor(options: CacheOptions) {
    this.#options = options
  }

  /**
   * Puts a file into its place, as a link where that is possible. A file that is there is replaced.
   *
   * @throws Error when it has another digest than it should have, or cannot be read
   */
  async place(source: CachedSource, target: string): Promise<void> {
    await mkdir(dirname(target), { recursive: true })
    for (let tries = 1; ; tries++) {
      const cached = await this.#fetchOnce(source)
      const fresh = `${target}.${randomBytes(6).toString('hex')}.new`
      try {
        await linkOrCopy(cached, fresh)
        await rename(fresh, target)
        return
      } catch (failure) {
        await rm(fresh, { force: true })
        // Another process may have made room meanwhile.
        if ((failure as NodeJS.ErrnoException).code !== 'ENOENT' || tries === 3) throw failure
      }
    }
  }

  /** Removes files that have not been used for longest, as far as nothing links to them, and what was never finished. */
  async prune(): Promise<void> {
    const files = await this.#listFiles()
    let bytes = files.reduce((sum, file) => sum + file.size, 0)
    for (const file of files.sort((one, other) => one.usedAt - other.usedAt)) {
      const isLeft = file.isUnfinished && Date.now() - file.usedAt > leftAfterMs
      if (!isLeft && (bytes <= this.#options.maxBytes || file.links > 1 || file.isUnfinished)) continue
      await rm(isLeft ? file.path : dirname(file.path), { recursive: true, force: true })
      bytes -= file.size
    }
    this.#bytes = bytes
    // What is in use may be more than the limit; files are not listed for each one that comes then.
    this.#pruneAbove = Math.max(this.#options.maxBytes, bytes + this.#options.maxBytes / 16)
  }

  /** To be called for each new file; lists the others only when there may be too many. */
  async #makeRoom(bytes: number): Promise<void> {
    if (this.#bytes !== undefined) this.#bytes += bytes
    if (this.#bytes === undefined || this.#bytes > this.#pruneAbove) await this.prune()
  }

  #fetchOnce(source: CachedSource): Promise<string> {
    const under = this.#fetching.get(source.key)
    if (under) return under
    const fetching = this.#fetch(source).finally(() => this.#fetching.delete(source.key))
    this.#fetching.set(source.key, fetching)
    return fetching
  }

  async #fetch(source: CachedSource): Promise<string> {
    const folder = join(this.#options.folder, createHash('sha256').update(source.key).digest('hex'))
    const kept = await this.#findIntact(folder, source)
    if (kept !== undefined) return kept
    await mkdir(folder, { recursive: true })
    const fresh = join(folder, `.new-${randomBytes(9).toString('hex')}`)
    const hash = createHash('sha256')
    let bytes = 0
    const hashing = async function* () {
      for await (const piece of source.read()) {
        hash.update(piece)
        bytes += piece.length
        yield piece
      }
    }
    try {
      await pipeline(hashing, createWriteStream(fresh, { flags: 'wx' }))
      const sha256 = hash.digest('hex')
      requireSame(source, { bytes, sha256 })
      const path = join(folder, sha256)
      await rename(fresh, path)
      await this.#makeRoom(bytes)
      return path
    } finally {
      await rm(fresh, { force: true })
    }
  }

  /** @returns the path of a copy that is as it was written */
  async #findIntact(folder: string, source: CachedSource): Promise<string | undefined> {
    const names = await readdir(folder).catch((): string[] => [])
    for (const name of names.filter(each => /^[0-9a-f]{64}$/.test(each))) {
      const path = join(folder, name)
      const found = await digestFile(path).catch(() => undefined)
      if (found?.sha256 === name && found.bytes === source.bytes && (source.sha256 ?? name) === name) {
        await utimes(path, new Date(), new Date()).catch(() => {}) // the last use
        return path
      }
      this.#options.log(`the copy of ${source.name} was damaged, and is read again`)
      await rm(path, { force: true })
    }
    return undefined
  }

  async #listFiles() {
    const files = []
    for (const folder of await readdir(this.#options.folder).catch((): string[] => [])) {
      for (const name of await readdir(join(this.#options.folder, folder)).catch((): string[] => [])) {
        const path = join(this.#options.folder, folder, name)
        const found = await stat(path).catch(() => undefined)
        if (!found?.isFile()) continue
        const { size, mtimeMs: usedAt, nlink: links } = found
        files.push({ path, size, usedAt, links, isUnfinished: name.startsWith('.new-') })
      }
    }
    return files
  }
}

function requireSame({ name, bytes, sha256 }: CachedSource, found: { bytes: number; sha256: string }): void {
  if (found.bytes !== bytes) throw new Error(`${name} has ${found.bytes} bytes; expected ${bytes}`)
  if (sha256 !== undefined && found.sha256 !== sha256)
    throw new Error(`${name} has the SHA-256 ${found.sha256}; its version was registered with ${sha256}`)
}

async function digestFile(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    hash.update(piece)
    bytes += piece.length
  }
  return { bytes, sha256: hash.digest('hex') }
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === 'ENOENT') throw failure
    await copyFile(from, to, constants.COPYFILE_FICLONE) // the file system has no links
  }
}
