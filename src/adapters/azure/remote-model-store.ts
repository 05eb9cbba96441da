import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ServiceLoadError, StartupError } from '../../errors.ts'
import type { ServiceDefinition } from '../../models/definition/definition.ts'
import type { OwnDocuments } from '../../models/definition/own-documents.ts'
import { ownDocumentFiles } from '../../models/definition/own-documents.ts'
import { serviceNamePattern, serviceNameRule } from '../../models/definition/service-name.ts'
import { limited } from '../../models/repository/limited.ts'
import type { ModelStore } from '../../models/repository/model-store.ts'
import type { FileEntry, RepositoryFiles } from '../../models/repository/repository-files.ts'
import { groupByFolder, listVersionsIn, withoutRegistration } from '../../models/repository/repository-layout.ts'
import type { ServiceSpec } from '../../models/repository/service-spec.ts'
import { readServingRecords } from '../../models/repository/serving-records.ts'
import type { FileVersions, StoreFiles } from '../../models/repository/store-changes.ts'
import {
  findServedVersions,
  keepServed,
  listModelVersions,
  type ServedVersions,
} from '../../models/repository/used-files.ts'
import type { VersionRecord } from '../../models/repository/version-record.ts'
import type { CachedSource, FileCache } from '../local/file-cache.ts'

interface RemoteStoreOptions {
  readonly files: RepositoryFiles
  readonly cache: FileCache
  /** A folder for this process alone. */
  readonly folder: string
  readonly reading: FolderReading
}

/** How services are read that are here. It is handed over, because the bundle of the app has this code already. */
export interface FolderReading {
  openFolder(root: string): Pick<ModelStore, 'openService' | 'readDocuments'>
  /** @throws ServiceLoadError */
  parseDefinition(file: string, text: string): ServiceDefinition
}

/** A service as it was opened: a folder with its files, of which those that are large come with `fetch`. */
interface View {
  readonly root: string
  readonly missing: Map<string, CachedSource>
  users: number
  /** Whether anybody but who opened it has held it. */
  isTaken: boolean
  fetching?: Promise<void> | undefined
}

/** What is known of the files of a service when they get their folder. */
interface LayOut {
  /** Of `service.json`. */
  readonly text: string
  readonly records: ReadonlyMap<string, VersionRecord>
  /** The path of its sample request. */
  readonly sample: string | undefined
}

/** What scripts import from beside the services. */
const sharedCode = /\.[cm]?[jt]s$/
/** Services that are opened, and files that are fetched, at a time; an app may have hundreds. */
const parallelOpens = 16
const parallelFetches = 8

/**
 * Reads services from a repository that is elsewhere. Each service that is opened gets a folder of its own, with exactly the
 * versions of files that one listing had, so it never changes, and workers that start later load the same.
 */
export class RemoteModelStore implements ModelStore {
  readonly isElsewhere = true
  readonly #options: RemoteStoreOptions
  readonly #views = new Map<string, View>()
  /** By the name of the service, the one that was opened last. */
  readonly #opened = new Map<string, View>()
  readonly #served = new Map<string, ServedVersions>()
  readonly #opening = limited(parallelOpens)
  readonly #fetching = limited(parallelFetches)
  /** The files of each service as they were listed last, with paths from its folder. A service is opened once from it. */
  readonly #listed = new Map<string, ReadonlyMap<string, FileEntry>>()
  #shared: ReadonlyMap<string, FileEntry> | undefined
  #reading: Promise<StoreFiles> | undefined
  #count = 0

  constructor(options: RemoteStoreOptions) {
    this.#options = options
  }

  get location(): string {
    return this.#options.files.location
  }

  async listServices(): Promise<string[]> {
    const { services } = await this.readFiles()
    return [...services.keys()].sort()
  }

  async listUndefined(): Promise<string[]> {
    return [...(await this.readFiles()).undefinedServices].sort()
  }

  async openService(name: string): Promise<ServiceSpec> {
    if (!serviceNamePattern.test(name))
      throw new ServiceLoadError(`"${name}" is not a valid service name: ${serviceNameRule}`)
    return this.#opening(() => this.#open(name))
  }

  async #open(name: string): Promise<ServiceSpec> {
    if (!this.#shared) await this.readFiles()
    const listed = this.#listed.get(name)
    this.#listed.delete(name)
    const text = await this.#options.files.readText(`${name}/service.json`)
    const isListed = text && text.version === listed?.get('service.json')?.version
    const all = isListed ? listed : await this.#listService(name)
    if (!text || text.version !== all.get('service.json')?.version)
      throw new ServiceLoadError(`${name}/service.json was changed or removed meanwhile`)
    const definition = this.#options.reading.parseDefinition(`${name}/service.json`, text.text)
    const served = findServedVersions(definition)
    const records = await readServingRecords(this.#options.files, { name, listing: all, served })
    const finished = withoutDeleted(withoutRegistration(all), records)
    this.#served.set(name, served)
    const used = keepServed(finished, served)
    const view = await this.#layOut(name, used, { text: text.text, records, sample: definition.schema.input })
    const spec = await this.#options.reading.openFolder(view.root).openService(name)
    return { ...spec, versions: listModelVersions(finished) }
  }

  async readDocuments(name: string): Promise<OwnDocuments> {
    const view = this.#opened.get(name)
    if (!view) throw new ServiceLoadError(`${name} was not opened`)
    return this.#options.reading.openFolder(view.root).readDocuments(name)
  }

  /** Who asks while it is read gets the same. */
  readFiles(): Promise<StoreFiles> {
    this.#reading ??= this.#readFiles().finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #readFiles(): Promise<StoreFiles> {
    const listing = await this.#list()
    const services = new Map<string, FileVersions>()
    const undefinedServices = new Set<string>()
    this.#listed.clear()
    for (const [name, files] of groupByFolder(listing)) {
      const own = withoutRegistration(files)
      if (own.has('service.json')) {
        services.set(name, readVersions(own))
        this.#listed.set(name, files)
      } else if (isUndefined(files)) undefinedServices.add(name)
    }
    const shared = [...listing].filter(([path]) => {
      const [folder = '', ...rest] = path.split('/')
      return sharedCode.test(path) && !(rest.length > 0 && services.has(folder))
    })
    this.#shared = new Map(shared)
    return { services, shared: readVersions(this.#shared), undefinedServices }
  }

  async readServiceFiles(name: string): Promise<FileVersions> {
    const files = await this.#listService(name)
    this.#listed.set(name, files)
    return readVersions(withoutRegistration(files))
  }

  async #listService(name: string): Promise<ReadonlyMap<string, FileEntry>> {
    const files = await this.#options.files.list(`${name}/`)
    return new Map([...files].map(([path, entry]) => [path.slice(name.length + 1), entry]))
  }

  selectServed(name: string, files: FileVersions): FileVersions {
    const served = this.#served.get(name)
    return !served || served.isNewestServed ? files : keepServed(files, served)
  }

  async fetch({ folder }: ServiceSpec): Promise<void> {
    const view = this.#views.get(folder)
    if (!view) throw new ServiceLoadError('the service has ended')
    view.fetching ??= this.#fetchMissing(view)
    try {
      await view.fetching
    } catch (failure) {
      view.fetching = undefined // what is missing is tried again
      throw failure
    }
  }

  hold({ folder }: ServiceSpec): void {
    const view = this.#views.get(folder)
    if (!view) return
    view.users++
    view.isTaken = true
  }

  async release({ folder }: ServiceSpec): Promise<void> {
    const view = this.#views.get(folder)
    if (!view || --view.users > 0) return
    await this.#remove(folder, view)
    await this.#options.cache.prune()
  }

  async #remove(folder: string, view: View): Promise<void> {
    this.#views.delete(folder)
    for (const [name, opened] of this.#opened) if (opened === view) this.#opened.delete(name)
    await view.fetching?.catch(() => {})
    await rm(view.root, { recursive: true, force: true })
  }

  async #list(): Promise<ReadonlyMap<string, FileEntry>> {
    try {
      return await this.#options.files.list('')
    } catch (cause) {
      throw new StartupError(`the repository of services cannot be read: ${(cause as Error).message}`, { cause })
    }
  }

  /** Makes the folder of a service: what is read when it is opened at once, the other files by their names only. */
  async #layOut(name: string, used: ReadonlyMap<string, FileEntry>, { text, records, sample }: LayOut): Promise<View> {
    const root = join(this.#options.folder, String(this.#count++))
    const view: View = { root, missing: new Map(), users: 1, isTaken: false }
    const documents = new Set<string>(Object.values(ownDocumentFiles).flat())
    const own = [...used].map(([path, entry]) => {
      const [version = '', ...file] = path.split('/')
      const sha256 = records.get(version)?.files.find(each => each.path === file.join('/'))?.sha256
      return { path: `${name}/${path}`, source: this.#cachedSource(`${name}/${path}`, entry, sha256) }
    })
    const shared = [...(this.#shared ?? [])].map(([path, entry]) => ({ path, source: this.#cachedSource(path, entry) }))
    try {
      for (const { path, source } of [...own, ...shared]) {
        const place = join(root, path)
        const inService = path.slice(path.indexOf('/') + 1)
        const isDefinition = path === `${name}/service.json`
        if (inService === sample || documents.has(inService)) await this.#options.cache.place(source, place)
        else {
          await mkdir(dirname(place), { recursive: true })
          await writeFile(place, isDefinition ? text : '')
          if (!isDefinition) view.missing.set(place, source)
        }
      }
    } catch (failure) {
      await rm(root, { recursive: true, force: true })
      throw failure
    }
    const before = this.#opened.get(name)
    if (before && !before.isTaken) await this.#remove(join(before.root, name), before) // it could not be started
    this.#views.set(join(root, name), view)
    this.#opened.set(name, view)
    return view
  }

  #cachedSource(path: string, { version, bytes }: FileEntry, sha256?: string): CachedSource {
    const { files } = this.#options
    const key = [files.location, path, version].join('\n')
    return { key, name: path, bytes, sha256, read: () => files.read(path, version) }
  }

  async #fetchMissing({ missing }: View): Promise<void> {
    const fetches = [...missing].map(([place, source]) =>
      this.#fetching(async () => {
        await this.#options.cache.place(source, place)
        missing.delete(place)
      }),
    )
    await Promise.all(fetches)
  }
}

/** Whether a model was copied beside the services; one that was registered need not be served. */
function isUndefined(files: ReadonlyMap<string, FileEntry>): boolean {
  const isRegistered = listVersionsIn(files).some(version => version.isRegistered || version.isUnfinished)
  return !isRegistered && [...files.keys()].some(path => /^(\d+\/)?[^/]+\.onnx$/.test(path))
}

function readVersions(files: ReadonlyMap<string, FileEntry>): Map<string, string> {
  return new Map([...files].map(([path, { version }]) => [path, version]))
}

function withoutDeleted(
  files: ReadonlyMap<string, FileEntry>,
  records: ReadonlyMap<string, VersionRecord>,
): Map<string, FileEntry> {
  return new Map([...files].filter(([path]) => records.get(path.split('/')[0] ?? '')?.deletedAt === undefined))
}
