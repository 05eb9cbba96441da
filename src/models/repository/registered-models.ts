/** The read side of a registry: which versions there are, and what is known of them. */
import { createHash } from 'node:crypto'
import { limited } from './limited.ts'
import { checkName, checkVersion } from './new-model.ts'
import { RegistryError } from './registry-error.ts'
import type { FileEntry, RepositoryFiles } from './repository-files.ts'
import {
  findPathFault,
  groupByFolder,
  type ListedVersion,
  listVersionsIn,
  modelNamePattern,
} from './repository-layout.ts'
import { decodeRecord, type Labels, recordFile, type VersionFile } from './version-record.ts'
import { requireDigest } from './write-version-file.ts'

/** A version of a model. */
export interface RegisteredModel {
  readonly name: string
  readonly version: number
  /** ISO 8601; undefined: it was copied into the repository, not registered. */
  readonly createdAt: string | undefined
  readonly description: string
  readonly tags: Labels
  readonly properties: Labels
  readonly files: readonly VersionFile[]
}

/** Which versions are listed; undefined: all. */
export interface ModelFilter {
  readonly name?: string | undefined
  /** The newest one of each model. */
  readonly isLatest?: boolean
  /** Those that have all of these. */
  readonly tags?: Labels
  readonly properties?: Labels
}

/** Records that are read at a time. */
const recordReads = 16

/** Reads versions of models. Its methods throw as those of `ModelRegistry`, which has them too. */
export class RegisteredModels {
  readonly #files: RepositoryFiles

  constructor(files: RepositoryFiles) {
    this.#files = files
  }

  /** Lists versions, by name and then oldest first. */
  async list(filter: ModelFilter = {}): Promise<RegisteredModel[]> {
    const { name, isLatest = false, tags = {}, properties = {} } = filter
    if (name !== undefined) checkName(name)
    const listing = await this.#files.list(name === undefined ? '' : `${name}/`)
    const found: Promise<RegisteredModel | undefined>[][] = []
    const read = limited(recordReads)
    // Paths have another order than names: "a-b/1" comes before "a/1".
    const byName = [...groupByFolder(listing)].sort(([one], [other]) => (one < other ? -1 : 1))
    for (const [model, files] of byName) {
      if (!modelNamePattern.test(model)) continue
      found.push(listVersionsIn(files).map(listed => read(() => this.#describe(model, listed))))
    }
    const models = (await Promise.all(found.map(versions => Promise.all(versions)))).flatMap(versions => {
      const present = versions.filter(version => version !== undefined)
      return isLatest ? present.slice(-1) : present
    })
    const has = (labels: Labels, asked: Labels) => Object.entries(asked).every(([key, text]) => labels[key] === text)
    return models.filter(model => has(model.tags, tags) && has(model.properties, properties))
  }

  /** @param version  undefined: the newest. @returns undefined when there is no such version */
  async get(name: string, version?: number): Promise<RegisteredModel | undefined> {
    checkName(name)
    checkVersion(version)
    const listed = listVersionsIn(await this.listFiles(name)).reverse()
    for (const each of listed) {
      const model = version === undefined || each.version === version ? await this.#describe(name, each) : undefined
      if (model) return model
    }
    return undefined
  }

  /** Reads a file of a version. @throws RegistryError VERSION_UNKNOWN, DIGEST_MISMATCH after the last byte */
  async *read({ name, version, files }: RegisteredModel, path: string): AsyncIterable<Uint8Array> {
    const place = versionFolder(name, version) + path
    const fault = findPathFault(path)
    if (fault) throw new RegistryError('FILES_INVALID', `${name}:${version}: ${JSON.stringify(path)} ${fault}`)
    const entry = (await this.#files.list(place)).get(place)
    const file = files.find(each => each.path === path)
    if (!entry || !file) throw new RegistryError('VERSION_UNKNOWN', `${name}:${version} has no file ${path}`)
    const hash = createHash('sha256')
    for await (const piece of this.#files.read(place, entry.version)) {
      hash.update(piece)
      yield piece
    }
    requireDigest(`${name}:${version}: ${path}`, hash.digest('hex'), file.sha256)
  }

  /** Lists the files of a model, with paths from its folder. */
  async listFiles(name: string): Promise<Map<string, FileEntry>> {
    const files = await this.#files.list(`${name}/`)
    return new Map([...files].map(([path, entry]) => [path.slice(name.length + 1), entry]))
  }

  /** @returns undefined when it is not finished, or deleted */
  async #describe(name: string, { version, isRegistered, isUnfinished, files }: ListedVersion<FileEntry>) {
    if (isUnfinished) return undefined
    const found = isRegistered ? await this.#files.readText(versionFolder(name, version) + recordFile) : undefined
    const record = found && decodeRecord(found.text)
    if (record?.deletedAt !== undefined) return undefined
    if (record) return { name, version, ...record }
    if (files.size === 0) return undefined
    const listed = [...files].map(([path, { bytes }]) => ({ path, bytes }))
    return { name, version, createdAt: undefined, description: '', tags: {}, properties: {}, files: listed }
  }
}

export function versionFolder(name: string, version: number): string {
  return `${name}/${version}/`
}
