/** Versions of a model: numbered folders, of which the highest number is the newest. */
import { versionPattern } from './repository-layout.ts'
import type { ServiceSpec } from './service-spec.ts'

/** @returns the folders of versions, oldest first */
export function sortVersions(folders: readonly string[]): string[] {
  return folders.filter(folder => versionPattern.test(folder)).sort((a, b) => Number(a) - Number(b))
}

/**
 * Finds the version that a service serves.
 *
 * @param paths  of its models, from the folder of the service, with `/`
 * @returns undefined when its models are in no numbered folder, or not all in the same one
 */
export function findVersion(paths: readonly string[]): string | undefined {
  const folders = new Set(paths.map(path => path.split('/')).map(([top = '', ...rest]) => (rest.length > 0 ? top : '')))
  const [only = ''] = folders
  return folders.size === 1 && versionPattern.test(only) ? only : undefined
}

/** @returns why an older version is served; undefined when the newest is, or the service has no versions */
export function explainOlderVersion({ version, versions, definition }: ServiceSpec): string | undefined {
  const newest = versions.at(-1)
  if (version === undefined || newest === undefined || Number(version) >= Number(newest)) return undefined
  const [named] = Object.values(definition.models ?? {})
  if (!named) return undefined // a deployment
  return `version ${version} is served because service.json names ${named.path}; there is ${newest}/`
}
