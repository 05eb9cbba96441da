/** Which files of a service are needed to serve it. Pure rules on its definition and its listed files. */
import type { ServiceDefinition } from '../definition/definition.ts'
import { listVersionsIn, versionPattern } from './repository-layout.ts'

/** Versions of a service that its deployments, or the service itself, are served from. */
export interface ServedVersions {
  /** The numbered folders that the definition names. */
  readonly named: ReadonlySet<string>
  /** Whether the one with the highest number that has a model is served. */
  readonly isNewestServed: boolean
}

export function findServedVersions(definition: ServiceDefinition): ServedVersions {
  const { deployments, models } = definition
  const parts = deployments ? Object.values(deployments) : [{ models, version: undefined }]
  const named = new Set<string>()
  let isNewestServed = false
  for (const { version, models: own = models } of parts) {
    if (version !== undefined) named.add(String(version))
    else if (!own) isNewestServed = true
    else for (const { path } of Object.values(own)) named.add(path.split('/').find(part => part !== '.') ?? '')
  }
  return { named, isNewestServed }
}

/**
 * Leaves out the files of versions that are not served.
 *
 * @param files  of a service, with paths from its folder, without what registers versions
 */
export function keepServed<Entry>(
  files: ReadonlyMap<string, Entry>,
  { named, isNewestServed }: ServedVersions,
): Map<string, Entry> {
  const newest = isNewestServed ? listModelVersions(files).at(-1) : undefined
  return new Map(
    [...files].filter(([path]) => {
      const [folder = '', ...rest] = path.split('/')
      return rest.length === 0 || !versionPattern.test(folder) || folder === newest || named.has(folder)
    }),
  )
}

/** @returns the numbers of the versions that have a model, oldest first */
export function listModelVersions(files: ReadonlyMap<string, unknown>): string[] {
  return listVersionsIn(files)
    .filter(({ files: own }) => [...own.keys()].some(path => /^[^/]+\.onnx$/.test(path)))
    .map(({ version }) => String(version))
}
