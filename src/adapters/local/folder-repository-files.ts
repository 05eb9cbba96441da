import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { constants, copyFile, link, mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import {
  type Content,
  FileChanged,
  type FileEntry,
  type RepositoryFiles,
  textContent,
} from '../../models/repository/repository-files.ts'
import { reservationFile } from '../../models/repository/version-record.ts'
import { withFileLock } from './file-lock.ts'

/** Files that are written get their name when they are whole. */
const unfinished = '.new-'
/** What a process that ended has left. */
const leftAfterMs = 24 * 3_600_000

/** A repository in a folder, such as `models/`. Links are followed; files that begin with a dot, and packages, are left out. */
export class FolderRepositoryFiles implements RepositoryFiles {
  readonly location: string

  constructor(root: string) {
    this.location = resolve(root)
  }

  async list(prefix: string): Promise<ReadonlyMap<string, FileEntry>> {
    const found: [string, FileEntry][] = []
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1)
    await this.#walk(folder, found)
    const matching = found.filter(([path]) => path.startsWith(prefix))
    return new Map(matching.sort(([one], [other]) => (one < other ? -1 : 1)))
  }

  async *read(path: string, version: string): AsyncIterable<Uint8Array> {
    const file = await open(this.#place(path)).catch(missing)
    if (!file) throw new FileChanged(path)
    try {
      if (describeVersion(await file.stat({ bigint: true })) !== version) throw new FileChanged(path)
      yield* createReadStream('', { fd: file, autoClose: false, highWaterMark: 1024 * 1024 })
      if (describeVersion(await file.stat({ bigint: true })) !== version) throw new FileChanged(path)
    } finally {
      await file.close()
    }
  }

  async readText(path: string): Promise<{ text: string; version: string } | undefined> {
    const file = await open(this.#place(path)).catch(missing)
    if (!file) return undefined
    try {
      return { text: await file.readFile('utf8'), version: describeVersion(await file.stat({ bigint: true })) }
    } finally {
      await file.close()
    }
  }

  async create(path: string, content: Content): Promise<boolean> {
    const place = this.#place(path)
    const fresh = await this.#write(place, content)
    try {
      await linkOrCopy(fresh, place)
      return true
    } catch (failure) {
      if ((failure as NodeJS.ErrnoException).code === 'EEXIST') return false
      throw failure
    } finally {
      await rm(fresh, { force: true })
    }
  }

  async replace(path: string, text: string, version: string): Promise<boolean> {
    const place = this.#place(path)
    return withFileLock(place, async () => {
      const found = await stat(place, { bigint: true }).catch(missing)
      if (!found || describeVersion(found) !== version) return false
      await rename(await this.#write(place, textContent(text)), place)
      return true
    })
  }

  async remove(path: string): Promise<void> {
    const place = this.#place(path)
    await rm(place, { force: true })
    // Blob storage has no empty folders either.
    for (let folder = dirname(place); folder !== this.location; folder = dirname(folder))
      if (!(await rmdir(folder).then(done, never))) return
  }

  #place(path: string): string {
    return join(this.location, path)
  }

  /** @returns a file beside the place that it is for */
  async #write(place: string, content: Content): Promise<string> {
    const folder = dirname(place)
    const fresh = join(folder, unfinished + randomBytes(9).toString('base64url'))
    for (let tries = 1; ; tries++) {
      await mkdir(folder, { recursive: true })
      await removeLeft(folder)
      const file = await open(fresh, 'wx').catch(missing)
      if (!file && tries < 10) continue // another process has removed the empty folder
      if (!file) throw new Error(`${folder} is removed again and again`)
      try {
        for await (const piece of content()) await file.writeFile(piece)
        await file.sync() // it gets its name when it would survive a power failure
      } catch (failure) {
        await file.close()
        await rm(fresh, { force: true })
        throw failure
      }
      await file.close()
      return fresh
    }
  }

  /** @param above  the folders that it is in, by device and number: links may form a circle */
  async #walk(folder: string, found: [string, FileEntry][], above: readonly string[] = []): Promise<void> {
    const entries = await readdir(join(this.location, folder), { withFileTypes: true }).catch(missing)
    for (const { name } of entries ?? []) {
      if ((name.startsWith('.') && name !== reservationFile) || name === 'node_modules') continue
      const path = folder + name
      const known = await stat(join(this.location, path), { bigint: true }).catch(missing)
      if (known?.isDirectory()) {
        const own = `${known.dev} ${known.ino}`
        if (!above.includes(own)) await this.#walk(`${path}/`, found, [...above, own])
      } else if (known?.isFile()) found.push([path, { bytes: Number(known.size), version: describeVersion(known) }])
    }
  }
}

function describeVersion({ size, mtimeNs, ino }: { size: bigint; mtimeNs: bigint; ino: bigint }): string {
  return `${size} ${mtimeNs} ${ino}`
}

/** @throws EEXIST */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code === 'EEXIST') throw failure
    await copyFile(from, to, constants.COPYFILE_EXCL) // the file system has no links
  }
}

async function removeLeft(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(unfinished)) continue
    const found = await stat(join(folder, name)).catch(missing)
    if (found && Date.now() - found.mtimeMs > leftAfterMs) await rm(join(folder, name), { force: true })
  }
}

/** @returns undefined where there is no such file */
function missing(failure: NodeJS.ErrnoException): undefined {
  if (failure.code !== 'ENOENT' && failure.code !== 'ENOTDIR') throw failure
}

const done = () => true
const never = () => false
