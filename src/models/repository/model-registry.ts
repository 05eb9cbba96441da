/** The write side of a repository: registers versions of models, changes what may change of them, deletes them. */
import { checkName, checkTexts, checkVersion, type NewModel, readContents, readDigests } from './new-model.ts'
import { type ModelFilter, type RegisteredModel, RegisteredModels, versionFolder } from './registered-models.ts'
import { changedByOthers, RegistryError } from './registry-error.ts'
import { type RepositoryFiles, textContent } from './repository-files.ts'
import { listVersionsIn } from './repository-layout.ts'
import { findPinnedVersions } from './service-registry.ts'
import {
  decodeRecord,
  encodeRecord,
  type Labels,
  recordFile,
  reservationFile,
  type VersionFile,
  type VersionRecord,
} from './version-record.ts'
import { writeVersionFile } from './write-version-file.ts'

/** What is to change of a version; undefined: it stays. */
export interface RegisteredChange {
  readonly tags?: Labels | undefined
  readonly properties?: Labels | undefined
  readonly description?: string | undefined
}

export interface ModelRegistryOptions {
  readonly files: RepositoryFiles
  /** The time of day. */
  readonly now: () => Date
}

/** What was begun that long ago and is not finished, was given up. */
const givenUpAfterMs = 24 * 3_600_000
const maxConflicts = 100

/**
 * Versions are integers that count up from 1, and do not change once they are registered. Any number of processes may register at
 * a time, and may end at any moment: a version is there when all of its files are.
 *
 * ```ts
 * const registry = new ModelRegistry({ files: await openRepository('models'), now: () => new Date() })
 * const { version } = await registry.register('churn', { files: { 'model.onnx': bytes }, tags: { team: 'risk' } })
 * ```
 *
 * `openRepository` is in `adapters/azure/open-repository.ts`. All methods throw RegistryError for what they refuse, and
 * StorageError or the system's error where the repository cannot be read or written.
 */
export class ModelRegistry {
  readonly #files: RepositoryFiles
  readonly #models: RegisteredModels
  readonly #now: () => Date

  constructor({ files, now }: ModelRegistryOptions) {
    this.#files = files
    this.#models = new RegisteredModels(files)
    this.#now = now
  }

  /** Lists versions, by name and then oldest first. */
  list(filter?: ModelFilter): Promise<RegisteredModel[]> {
    return this.#models.list(filter)
  }

  /** @param version  undefined: the newest. @returns undefined when there is no such version */
  get(name: string, version?: number): Promise<RegisteredModel | undefined> {
    return this.#models.get(name, version)
  }

  /** Reads a file of a version. @throws RegistryError VERSION_UNKNOWN, DIGEST_MISMATCH after the last byte */
  read(model: RegisteredModel, path: string): AsyncIterable<Uint8Array> {
    return this.#models.read(model, path)
  }

  /** Registers the next version of a model. Its files are written first, and then the record that makes it exist. */
  async register(name: string, model: NewModel): Promise<RegisteredModel> {
    checkName(name)
    const contents = readContents(model.files)
    const digests = readDigests(model, contents)
    const { description = '', tags = {}, properties = {} } = model
    checkTexts({ description, tags, properties })
    const version = await this.#reserve(name, model.version)
    const folder = versionFolder(name, version)
    try {
      const files: VersionFile[] = []
      for (const [path, content] of contents) {
        files.push(await writeVersionFile(this.#files, { folder, path, content, sha256: digests.get(path) }))
      }
      const record: VersionRecord = { createdAt: this.#now().toISOString(), description, tags, properties, files }
      await this.#commit(folder, record)
      await this.#files.remove(folder + reservationFile).catch(() => {}) // the record tells
      await this.#clean(name).catch(() => {}) // the next registration cleans
      return { name, version, ...record }
    } catch (failure) {
      const isThere = (await this.#files.readText(folder + recordFile).catch(() => undefined)) !== undefined
      if (!isThere) await this.#removeUnfinished(folder).catch(() => {}) // a later registration does it
      throw failure
    }
  }

  /**
   * Changes what may change of a registered version: its tags and its description, as a whole. Properties can be added.
   *
   * @throws RegistryError VERSION_UNKNOWN, PROPERTY_SET
   */
  async update(name: string, version: number, change: RegisteredChange): Promise<RegisteredModel> {
    checkName(name)
    checkVersion(version)
    for (let tries = 0; tries < maxConflicts; tries++) {
      const { place, record, found } = await this.#requireRecord(name, version)
      const next = { ...record, ...defined(change), properties: addTo(record.properties, change.properties) }
      checkTexts(next)
      if (await this.#files.replace(place, encodeRecord(next), found)) return { name, version, ...next }
    }
    throw changedByOthers(`${name}:${version}`)
  }

  /**
   * Deletes a version. Its number is not used again.
   *
   * @throws RegistryError VERSION_UNKNOWN; VERSION_IN_USE when the service of that name says that it serves this version, or has
   *   no other one
   */
  async delete(name: string, version: number): Promise<void> {
    checkName(name)
    checkVersion(version)
    const folder = versionFolder(name, version)
    const present = await this.#models.list({ name })
    if (!present.some(each => each.version === version)) throw unknown(name, version)
    await this.#requireUnused(name, version, present.length)
    const deletedAt = this.#now().toISOString()
    for (let tries = 0; tries < maxConflicts; tries++) {
      const found = await this.#files.readText(folder + recordFile)
      const known = found && decodeRecord(found.text)
      const empty = { createdAt: deletedAt, description: '', tags: {}, properties: {} }
      const text = encodeRecord({ ...(known ?? empty), files: [], deletedAt })
      const isDone = found
        ? await this.#files.replace(folder + recordFile, text, found.version)
        : await this.#create(folder + recordFile, text)
      if (isDone) return await this.#removeContents(folder)
    }
    throw changedByOthers(`${name}:${version}`)
  }

  /** @returns the number, which nobody else registers now */
  async #reserve(name: string, given: number | undefined): Promise<number> {
    checkVersion(given)
    const note = JSON.stringify({ at: this.#now().toISOString() })
    for (let tries = 0; tries < maxConflicts; tries++) {
      const taken = listVersionsIn(await this.#models.listFiles(name)).map(({ version }) => version)
      const version = given ?? Math.max(0, ...taken) + 1
      const exists = new RegistryError('VERSION_EXISTS', `${name}:${given} exists, or is being registered`)
      if (given !== undefined && taken.includes(given)) throw exists
      const folder = versionFolder(name, version)
      if (await this.#create(folder + reservationFile, note)) {
        const others = [...(await this.#files.list(folder)).keys()].filter(path => path !== folder + reservationFile)
        if (others.length === 0) return version
        await this.#files.remove(folder + reservationFile) // another process has finished it meanwhile
      }
      if (given !== undefined) throw exists
    }
    throw changedByOthers(name)
  }

  async #commit(folder: string, record: VersionRecord): Promise<void> {
    const text = encodeRecord(record)
    if (await this.#create(folder + recordFile, text)) return
    const found = await this.#files.readText(folder + recordFile)
    if (found?.text !== text) throw changedByOthers(folder.slice(0, -1))
  }

  /** Removes what was begun and given up. */
  async #clean(name: string): Promise<void> {
    for (const { version, isUnfinished } of listVersionsIn(await this.#models.listFiles(name))) {
      if (!isUnfinished) continue
      const folder = versionFolder(name, version)
      const begunAt = Date.parse(readTime((await this.#files.readText(folder + reservationFile))?.text))
      if (this.#now().getTime() - begunAt >= givenUpAfterMs) await this.#removeUnfinished(folder)
    }
  }

  /** The reservation goes last, so that a part of a version is never taken for one. */
  async #removeUnfinished(folder: string): Promise<void> {
    await this.#removeContents(folder)
    await this.#files.remove(folder + reservationFile)
  }

  async #removeContents(folder: string): Promise<void> {
    for (const path of (await this.#files.list(folder)).keys()) {
      const name = path.slice(folder.length)
      if (name !== recordFile && name !== reservationFile) await this.#files.remove(path)
    }
  }

  async #requireUnused(name: string, version: number, count: number): Promise<void> {
    const service = await this.#files.readText(`${name}/service.json`)
    if (!service) return
    const isNamed = findPinnedVersions(service.text).includes(version)
    if (!isNamed && count > 1) return
    const why = isNamed ? 'its service.json names this version' : 'it has no other version'
    throw new RegistryError(
      'VERSION_IN_USE',
      `${name}:${version} is used by the service "${name}": ${why}; change or delete the service first`,
    )
  }

  async #requireRecord(name: string, version: number) {
    const place = versionFolder(name, version) + recordFile
    const found = await this.#files.readText(place)
    const record = found && decodeRecord(found.text)
    if (!found || !record || record.deletedAt !== undefined) throw unknown(name, version)
    return { place, record, found: found.version }
  }

  #create(path: string, text: string): Promise<boolean> {
    return this.#files.create(path, textContent(text))
  }
}

/** @throws RegistryError PROPERTY_SET when one has another value already */
function addTo(properties: Labels, added: Labels = {}): Labels {
  for (const [key, text] of Object.entries(added)) {
    if (properties[key] !== undefined && properties[key] !== text)
      throw new RegistryError('PROPERTY_SET', `properties.${key}: is set, and properties do not change; use a tag`)
  }
  return { ...properties, ...added }
}

function defined({ tags, description }: RegisteredChange): Partial<VersionRecord> {
  return { ...(tags && { tags }), ...(description !== undefined && { description }) }
}

function unknown(name: string, version: number): RegistryError {
  return new RegistryError('VERSION_UNKNOWN', `there is no version ${version} of the model "${name}"`)
}

function readTime(text: string | undefined): string {
  return /"at":"([^"]+)"/.exec(text ?? '')?.[1] ?? ''
}
