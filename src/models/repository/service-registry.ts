/** The write side of a repository for services: what is served, and by which scripts. */
import { createHash } from 'node:crypto'
import { serviceNamePattern, serviceNameRule } from '../definition/service-name.ts'
import { changedByOthers, RegistryError } from './registry-error.ts'
import { type RepositoryFiles, textContent } from './repository-files.ts'
import { findPathFault, versionPattern } from './repository-layout.ts'

/** A service as it lies in the repository. */
export interface StoredService {
  readonly name: string
  /** `service.json`, parsed, and not checked. */
  readonly definition: Readonly<Record<string, unknown>>
  /** An opaque text that is another one whenever `service.json` has changed. */
  readonly etag: string
}

/** A service to write. */
export interface NewService {
  /** What `service.json` is to be; `parseDefinition` checks it. */
  readonly definition: Readonly<Record<string, unknown>>
  /** Scripts and samples that it names, by the path that it names them by, with what they import. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>
}

const codeFolder = 'code'
const maxConflicts = 10

/**
 * Writes services so that hosts never see half a change: scripts go to a folder of their own, named by their digest, and
 * `service.json`, which then names that folder, is written last. Models are registered with `ModelRegistry`, under the same name.
 */
export class ServiceRegistry {
  readonly #files: RepositoryFiles

  constructor(files: RepositoryFiles) {
    this.#files = files
  }

  /** @returns names of all services, sorted */
  async list(): Promise<string[]> {
    const paths = [...(await this.#files.list('')).keys()]
    return paths.flatMap(path => /^([^/]+)\/service\.json$/.exec(path)?.[1] ?? []).sort()
  }

  /** @returns undefined when there is no such service. @throws RegistryError FILES_INVALID when its `service.json` is not JSON */
  async get(name: string): Promise<StoredService | undefined> {
    checkServiceName(name)
    const found = await this.#files.readText(definitionPath(name))
    if (!found) return undefined
    const definition = parseObject(found.text)
    if (!definition) throw new RegistryError('FILES_INVALID', `${definitionPath(name)} is not a JSON object`)
    return { name, definition, etag: found.version }
  }

  /** Reads a file that the service names, such as its script. @returns undefined when there is none */
  async readFile(name: string, path: string): Promise<string | undefined> {
    checkServiceName(name)
    return (await this.#files.readText(`${name}/${path}`))?.text
  }

  /**
   * Writes a service.
   *
   * @param expected  'absent': it must not exist; an `etag`: it must not have changed; undefined: whatever is there is replaced
   * @throws RegistryError SERVICE_EXISTS, SERVICE_CHANGED
   */
  async put(name: string, service: NewService, expected?: 'absent' | string): Promise<StoredService> {
    checkServiceName(name)
    const { definition, folder } = await this.#writeFiles(name, service)
    const text = `${JSON.stringify(definition, undefined, 2)}\n`
    for (let tries = 0; tries < maxConflicts; tries++) {
      const before = await this.#files.readText(definitionPath(name))
      refuseOther(name, expected, before?.version)
      const isWritten = before
        ? await this.#files.replace(definitionPath(name), text, before.version)
        : await this.#files.create(definitionPath(name), textContent(text))
      if (!isWritten) continue
      await this.#removeCode(name, path => path === folder || (before?.text.includes(path) ?? false)).catch(() => {})
      const after = await this.#files.readText(definitionPath(name))
      return { name, definition, etag: after?.version ?? '' }
    }
    throw changedByOthers(definitionPath(name))
  }

  /** Ends a service; versions of its model stay registered. @returns false when there was none */
  async delete(name: string): Promise<boolean> {
    checkServiceName(name)
    const isThere = (await this.#files.readText(definitionPath(name))) !== undefined
    await this.#files.remove(definitionPath(name))
    await this.#removeCode(name, () => false)
    return isThere
  }

  /** @returns the definition with the paths of the files as they were written */
  async #writeFiles(name: string, { definition, files = {} }: NewService) {
    const entries = Object.entries(files).sort(([one], [other]) => (one < other ? -1 : 1))
    if (entries.length === 0) return { definition, folder: undefined }
    const hash = createHash('sha256')
    for (const [path, content] of entries) {
      const fault = findPathFault(path)
      if (fault) throw new RegistryError('FILES_INVALID', `files: ${JSON.stringify(path)} ${fault}`)
      hash.update(`${path}\n${content.length}\n`).update(content)
    }
    const folder = `${codeFolder}/${hash.digest('hex').slice(0, 16)}`
    for (const [path, content] of entries) {
      const bytes = typeof content === 'string' ? textContent(content) : () => [content]
      await this.#files.create(`${name}/${folder}/${path}`, bytes) // the same where it exists
    }
    const moved = (path: unknown) =>
      typeof path === 'string' && Object.hasOwn(files, path) ? `${folder}/${path}` : path
    return { definition: moveFiles(definition, moved) as Record<string, unknown>, folder }
  }

  /** @param isKept  by the path of a folder of scripts, e.g. `code/0123456789abcdef` */
  async #removeCode(name: string, isKept: (folder: string) => boolean): Promise<void> {
    for (const path of (await this.#files.list(`${name}/${codeFolder}/`)).keys()) {
      const folder = path
        .slice(name.length + 1)
        .split('/', 2)
        .join('/')
      if (/^code\/[0-9a-f]{16}$/.test(folder) && !isKept(folder)) await this.#files.remove(path)
    }
  }
}

function definitionPath(name: string): string {
  return `${name}/service.json`
}

/** Keys of `service.json` that name a file of the owner. */
const fileKeys = new Set(['entryScript', 'script'])

function moveFiles(value: unknown, moved: (path: unknown) => unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map(each => moveFiles(each, moved))
  if (typeof value !== 'object' || value === null) return fileKeys.has(key) ? moved(value) : value
  const entries = Object.entries(value).map(([name, each]) => {
    if (key === 'schema' && name === 'input') return [name, moved(each)]
    return [name, moveFiles(each, moved, name)]
  })
  return Object.fromEntries(entries)
}

/**
 * Finds the versions that a `service.json` names: of its models by their folder, and of its deployments.
 *
 * @returns none when it is not JSON
 */
export function findPinnedVersions(text: string): number[] {
  const definition = parseObject(text)
  if (!definition) return []
  const found = new Set<number>()
  const visit = (value: unknown, key: string): void => {
    if (key === 'version' && versionPattern.test(String(value))) found.add(Number(value))
    if (key === 'path' && typeof value === 'string') {
      const [, version] = /^(\d+)\//.exec(value) ?? []
      if (version !== undefined) found.add(Number(version))
    }
    if (typeof value === 'object' && value !== null)
      for (const [name, each] of Object.entries(value)) visit(each, Array.isArray(value) ? '' : name)
  }
  visit(definition.models, '')
  visit(definition.deployments, '')
  return [...found]
}

function refuseOther(name: string, expected: string | undefined, found: string | undefined): void {
  if (expected === undefined || found === (expected === 'absent' ? undefined : expected)) return
  if (expected === 'absent') throw new RegistryError('SERVICE_EXISTS', `there is a service "${name}" already`)
  const what = found === undefined ? 'was deleted' : 'was changed by another caller'
  throw new RegistryError('SERVICE_CHANGED', `the service "${name}" ${what} since it was read; read it again`)
}

function checkServiceName(name: string): void {
  if (!serviceNamePattern.test(name))
    throw new RegistryError('NAME_INVALID', `${JSON.stringify(name)} is not a valid service name: ${serviceNameRule}`)
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(text.replace(/^\uFEFF/, ''))
    const isObject = typeof json === 'object' && json !== null && !Array.isArray(json)
    return isObject ? (json as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
