/** Which files of a service are needed to serve it. Pure rules on its definition and its listed files. */
import type { ServiceDefinition } from '../definition/definition.ts'
import { listVersionsIn, versionPattern } from './repository-layout.ts'

/**
 * Finds the versions that a service serves.
 *
 * @returns numbers of the folders; 'newest': the one with the highest number that has a model
 */
export function findServedVersions(definition: ServiceDefinition): ReadonlySet<string> | 'newest' {
  const { deployments, models } = definition
  const parts = deployments ? Object.values(deployments) : [{ models, version: undefined }]
  const served = new Set<string>()
  for (const { version, models: own = models } of parts) {
    if (version !== undefined) served.add(String(version))
    else if (!own) return 'newest'
    else for (const { path } of Object.values(own)) served.add(path.split('/').find(part => part !== '.') ?? '')
  }
  return served
}

/**
 * Leaves out the files of versions that are not served.
 *
 * @param files  of a service, with paths from its folder, without what registers versions
 */
export function keepServed<Entry>(
  files: ReadonlyMap<string, Entry>,
  served: ReadonlySet<string> | 'newest',
): Map<string, Entry> {
  const kept = served === 'newest' ? new Set([findNewest(files)]) : served
  return new Map(
    [...files].filter(([path]) => {
      const [folder = '', ...rest] = path.split('/')
      return rest.length === 0 || !versionPattern.test(folder) || kept.has(folder)
    }),
  )
}

/** @returns the number of the newest version that has a model */
function findNewest<Entry>(files: ReadonlyMap<string, Entry>): string {
  const withModel = listVersionsIn(files).filter(({ files: own }) =>
    [...own.keys()].some(path => /^[^/]+\.onnx$/.test(path)),
  )
  return String(withModel.at(-1)?.version ?? '')
}
