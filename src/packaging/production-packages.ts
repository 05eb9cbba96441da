/** The packages that a project needs at run time, and where each goes in the package. */
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { StartupError } from '../errors.ts'
import { type Platforms, runsOn, type Target } from './target.ts'

export interface Manifest extends Platforms {
  readonly name?: string
  readonly version?: string
  readonly main?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
}

export interface ProductionPackage {
  readonly name: string
  /** Its folder in the package, e.g. `node_modules/sharp`. */
  readonly path: string
  /** Its folder on this machine. */
  readonly folder: string
}

export interface ProductionPackages {
  readonly packages: readonly ProductionPackage[]
  /** Optional dependencies that are not installed here, with their versions: those of other platforms, above all. */
  readonly absent: Readonly<Record<string, string>>
}

interface Dependency {
  readonly name: string
  readonly version: string
  readonly kind: 'required' | 'optional' | 'peer'
}

const nested = '/node_modules/'

/** @throws StartupError when it is not JSON */
export function readManifest(folder: string): Manifest {
  const file = join(folder, 'package.json')
  const text = readFileSync(file, 'utf8')
  try {
    return JSON.parse(text) as Manifest
  } catch (cause) {
    throw new StartupError(`${file} is not JSON: ${(cause as Error).message}`, { cause })
  }
}

/**
 * Finds the packages that the project in a folder depends on, directly or not, as Node.js finds them, so that every layout of
 * `node_modules` will do: npm's, pnpm's, workspaces and links. In the package each lies in the topmost `node_modules`, unless another
 * version of it is there.
 *
 * @param isNeeded  whether a package is needed by one that depends on it, both by name
 * @throws StartupError when one is not installed
 */
export function findProductionPackages(
  root: string,
  { target, isNeeded }: { target: Target; isNeeded: (dependent: string, dependency: string) => boolean },
): ProductionPackages {
  const placed = new Map<string, ProductionPackage>()
  const absent: Record<string, string> = {}
  const waiting: ProductionPackage[] = [{ name: readManifest(root).name ?? '', path: '', folder: realpathSync(root) }]
  for (let dependent = waiting.shift(); dependent !== undefined; dependent = waiting.shift()) {
    for (const dependency of listDependencies(readManifest(dependent.folder))) {
      const { name, version, kind } = dependency
      if (!isNeeded(dependent.name, name)) continue
      const folder = resolvePackage(dependent.folder, name)
      if (folder === undefined) {
        if (kind === 'required') throw notInstalled(dependent.name, name)
        if (kind === 'optional') absent[name] = version
      } else if (kind !== 'optional' || runsOn(readManifest(folder), target)) {
        const added = place({ name, folder }, dependent.path, placed)
        if (added) waiting.push(added)
      }
    }
  }
  return { packages: [...placed.values()], absent }
}

function listDependencies({
  dependencies = {},
  optionalDependencies = {},
  peerDependencies = {},
  peerDependenciesMeta = {},
}: Manifest): Dependency[] {
  const chooseKind = (name: string) =>
    name in optionalDependencies ? 'optional' : name in dependencies ? 'required' : 'peer'
  return Object.entries({ ...peerDependencies, ...dependencies, ...optionalDependencies })
    .map(([name, version]) => ({ name, version, kind: chooseKind(name) }) as const)
    .filter(({ name, kind }) => kind !== 'peer' || peerDependenciesMeta[name]?.optional !== true)
    .sort((one, other) => (one.name < other.name ? -1 : 1))
}

/** The folder of a package as code in another folder gets it; undefined: it is not installed. */
function resolvePackage(from: string, name: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const found = join(folder, 'node_modules', name)
    if (existsSync(join(found, 'package.json'))) return realpathSync(found)
    if (dirname(folder) === folder) return undefined
  }
}

/** @returns undefined where the dependent finds this very package already */
function place(
  { name, folder }: Pick<ProductionPackage, 'name' | 'folder'>,
  dependentPath: string,
  placed: Map<string, ProductionPackage>,
): ProductionPackage | undefined {
  const seen = foldersAbove(dependentPath)
    .map(above => placed.get(posix.join(above, 'node_modules', name)))
    .find(Boolean)
  if (seen?.folder === folder) return undefined
  const path = posix.join(seen === undefined ? '' : dependentPath, 'node_modules', name)
  const added = { name, path, folder }
  placed.set(path, added)
  return added
}

/** `node_modules/a/node_modules/b` gives itself, `node_modules/a` and the root, ''. */
function foldersAbove(path: string): string[] {
  const above = [path]
  for (let at = path.lastIndexOf(nested); at > 0; at = path.lastIndexOf(nested, at - 1)) above.push(path.slice(0, at))
  return path === '' ? above : [...above, '']
}

const notInstalled = (dependent: string, name: string) =>
  new StartupError(`${dependent} needs the package ${name}, which is not installed: run "npm install"`)
