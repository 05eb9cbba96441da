/** Where things are in a repository: `<name>/service.json`, `<name>/<version>/…`. Pure rules on listed paths. */
import { recordFile, reservationFile } from './version-record.ts'

/** Azure ML's rule for the name of a model (azureml-core, `Model.register`). */
export const modelNamePattern = /^[A-Za-z0-9][-\w.]{0,254}$/
/** The same in words. */
export const modelNameRule = 'use 1 to 255 letters, digits, "-", "_" or ".", starting with a letter or digit'

/** A numbered folder, by the files that a listing has of it. */
export interface ListedVersion<Entry> {
  readonly version: number
  /** Whether it has a record. */
  readonly isRegistered: boolean
  /** Whether it was begun to be registered, and is not finished. */
  readonly isUnfinished: boolean
  /** Without what registers it; by paths from the folder of the version. */
  readonly files: ReadonlyMap<string, Entry>
}

/** A number that a folder of a version has; `007` and numbers beyond 2^53 are none. */
export const versionPattern = /^(0|[1-9]\d{0,14})$/

/**
 * Finds the numbered folders of a model.
 *
 * @param files  a listing, with paths from the folder of the model
 * @returns oldest first
 */
export function listVersionsIn<Entry>(files: ReadonlyMap<string, Entry>): ListedVersion<Entry>[] {
  const folders = new Map<number, Map<string, Entry>>()
  for (const [path, entry] of files) {
    const [folder = '', ...rest] = path.split('/')
    if (rest.length === 0 || !versionPattern.test(folder)) continue
    const version = Number(folder)
    const inFolder = folders.get(version) ?? new Map<string, Entry>()
    folders.set(version, inFolder.set(rest.join('/'), entry))
  }
  return [...folders]
    .sort(([one], [other]) => one - other)
    .map(([version, all]) => {
      const isRegistered = all.has(recordFile)
      const isUnfinished = all.has(reservationFile) && !isRegistered
      const own = [...all].filter(([path]) => path !== recordFile && path !== reservationFile)
      return { version, isRegistered, isUnfinished, files: new Map(own) }
    })
}

/** Groups a listing by the first folder; files at the root are left out. */
export function groupByFolder<Entry>(files: ReadonlyMap<string, Entry>): Map<string, Map<string, Entry>> {
  const folders = new Map<string, Map<string, Entry>>()
  for (const [path, entry] of files) {
    const slash = path.indexOf('/')
    if (slash <= 0) continue
    const name = path.slice(0, slash)
    const folder = folders.get(name) ?? new Map<string, Entry>()
    folders.set(name, folder.set(path.slice(slash + 1), entry))
  }
  return folders
}

/**
 * Leaves out what registers versions: their records, and all of those that are not finished.
 *
 * @param files  of a service, with paths from its folder
 */
export function withoutRegistration<Entry>(files: ReadonlyMap<string, Entry>): Map<string, Entry> {
  const unfinished = new Set(
    listVersionsIn(files).flatMap(({ version, isUnfinished }) => (isUnfinished ? [String(version)] : [])),
  )
  return new Map(
    [...files].filter(([path]) => {
      const [folder = '', file, ...rest] = path.split('/')
      const isRecord = rest.length === 0 && (file === recordFile || file === reservationFile)
      return !(isRecord && versionPattern.test(folder)) && !(file !== undefined && unfinished.has(folder))
    }),
  )
}

/**
 * Says what is wrong with the path of a file below a folder of the repository.
 *
 * @returns undefined when nothing is
 */
export function findPathFault(path: string): string | undefined {
  const parts = path.split('/')
  if (path === '' || parts.some(part => part === '' || part === '.' || part === '..')) {
    return 'must be a relative path with "/", such as model.onnx or weights/part-1.bin'
  }
  if (parts.some(part => part.startsWith('.'))) return 'must not have a part that begins with "."'
  if (/[\\:*?"<>|\p{Cc}]/u.test(path)) return 'must not have \\ : * ? " < > | or control characters'
  if (parts.some(part => /[ .]$/.test(part))) return 'must not have a part that ends with "." or a space'
  if (path.length > 512) return `must be 512 characters at most, not ${path.length}`
  return undefined
}
