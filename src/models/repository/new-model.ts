/** What may be registered: names, paths and labels. */
import { RegistryError } from './registry-error.ts'
import type { Content } from './repository-files.ts'
import { findPathFault, modelNamePattern, modelNameRule, versionPattern } from './repository-layout.ts'
import { type Labels, recordFile } from './version-record.ts'

/** A model to register. */
export interface NewModel {
  /** Its files by their path in the folder of the version, e.g. `model.onnx`; at least one. */
  readonly files: Readonly<Record<string, Content | Uint8Array>>
  /** SHA-256 of files as they are to be, hexadecimal; the registration fails where a file has another one. */
  readonly sha256?: Readonly<Record<string, string>>
  readonly description?: string | undefined
  readonly tags?: Labels | undefined
  readonly properties?: Labels | undefined
  /** A number that no version has; absent: the next one. */
  readonly version?: number
}

const maxLabels = 100
const maxText = 4096

export function checkName(name: string): void {
  if (!modelNamePattern.test(name))
    throw new RegistryError('NAME_INVALID', `${JSON.stringify(name)} is not a valid name of a model: ${modelNameRule}`)
}

export function checkVersion(version: number | undefined): void {
  if (version === undefined || versionPattern.test(String(version))) return
  throw new RegistryError('VERSION_INVALID', `version: must be a whole number such as 3, not ${version}`)
}

export function readContents(files: NewModel['files']): Map<string, Content> {
  const entries = Object.entries(files)
  if (entries.length === 0) throw new RegistryError('FILES_INVALID', 'files: a model has at least one file')
  const lower = new Set<string>()
  for (const [path] of entries) {
    const fault = path === recordFile ? 'is the name of the record of a version' : findPathFault(path)
    if (fault) throw new RegistryError('FILES_INVALID', `files: ${JSON.stringify(path)} ${fault}`)
    if (lower.has(path.toLowerCase()))
      throw new RegistryError('FILES_INVALID', `files: ${JSON.stringify(path)} differs from another one by case only`)
    lower.add(path.toLowerCase())
  }
  return new Map(
    entries.map(([path, content]) => [path, content instanceof Uint8Array ? () => [content] : content] as const),
  )
}

export function readDigests({ sha256 = {} }: NewModel, contents: ReadonlyMap<string, Content>): Map<string, string> {
  for (const [path, digest] of Object.entries(sha256)) {
    if (!contents.has(path))
      throw new RegistryError('FILES_INVALID', `sha256: there is no file ${JSON.stringify(path)}`)
    if (!/^[0-9a-fA-F]{64}$/.test(digest))
      throw new RegistryError('FILES_INVALID', `sha256: ${path}: must be 64 hexadecimal digits`)
  }
  return new Map(Object.entries(sha256).map(([path, digest]) => [path, digest.toLowerCase()]))
}

export function checkTexts(given: { description: string; tags: Labels; properties: Labels }): void {
  const refuse = (message: string) => {
    throw new RegistryError('LABELS_INVALID', message)
  }
  if (typeof given.description !== 'string' || given.description.length > maxText)
    refuse(`description: must be a text of ${maxText} characters at most`)
  for (const kind of ['tags', 'properties'] as const) {
    const entries = Object.entries(given[kind])
    if (entries.length > maxLabels) refuse(`${kind}: at most ${maxLabels}, not ${entries.length}`)
    for (const [key, text] of entries) {
      if (key === '' || key.length > 256) refuse(`${kind}: names have 1 to 256 characters`)
      if (typeof text !== 'string' || text.length > maxText)
        refuse(`${kind}.${key}: must be a text of ${maxText} characters at most`)
    }
  }
}
