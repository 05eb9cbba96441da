/** Makes the package that is deployed to Azure: the project, and of its packages what runs there. */
import { hash } from 'node:crypto'
import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join, relative } from 'node:path'
import { StartupError } from '../errors.ts'
import { openDeflate } from './deflate.ts'
import { type Fetched, fetchBinaries } from './fetch-binaries.ts'
import { listFiles } from './list-files.ts'
import type { PackageEntry } from './package-entry.ts'
import { findProductionPackages, type Manifest, type ProductionPackage, readManifest } from './production-packages.ts'
import {
  type ListedFile,
  listProjectFiles,
  listRepositoryFiles,
  listServices,
  type ServicesFolder,
} from './project-files.ts'
import { requireWhole } from './require-whole.ts'
import { isNeeded, isRuntimeFile, type Usage } from './runtime-needs.ts'
import { isThisMachine, type Target } from './target.ts'
import { type PackedFile, writeZip } from './zip-file.ts'

/** A Functions project, as far as it is packaged. */
export interface PackagedProject {
  /** The folder with its `host.json`. */
  readonly root: string
  /** The folder of services. One outside of the project takes the place of the project's `models`. */
  readonly modelsDir: string
}

export interface NewPackage {
  readonly project: PackagedProject
  /** The zip file to write. */
  readonly file: string
  readonly target: Target
  /** Whether scripts can decode images; undefined: if a file of the project mentions it. */
  readonly images: boolean | undefined
}

export interface MadePackage {
  readonly file: string
  readonly bytes: number
  readonly sha256: string
  /** Of these, what Scoring Functions takes: neither services nor other files and packages of the project. */
  readonly appBytes: number
  /** Whether sharp is in it. */
  readonly images: boolean
  /** The folder of services in it, e.g. `models`. */
  readonly servicesPath: string
  readonly files: readonly PackedFile[]
}

/**
 * @throws StartupError when the package would not start: packages that are not installed, no services, no `main`
 */
export async function makePackage({ project, file, target, images }: NewPackage): Promise<MadePackage> {
  const { root } = project
  const services = locateServices(project)
  const servicesPath = services.path
  const manifest = readManifest(root)
  const isRepository = manifest.name === 'scoring-functions'
  const isService = (path: string) => path.startsWith(`${servicesPath}/`)
  const listed = isRepository ? listRepositoryFiles(root, services, target) : listProjectFiles(root)
  const own = listed
    .filter(path => path !== 'package.json' && join(root, path) !== file && !(services.isElsewhere && isService(path)))
    .map(path => ({ path, source: join(root, path) }))
  if (services.isElsewhere) own.push(...listServices(services))
  const ofProject = own.filter(({ path }) => !isRepository || isService(path))
  const usage = findUsage(ofProject, images)
  const packages = await findPackages(project, target, usage)
  try {
    const entries: PackageEntry[] = [
      { path: 'package.json', source: Buffer.from(describeManifest(manifest)) },
      ...own,
      ...packages.all.flatMap(each => listEntries(each, target)),
    ]
    requireWhole(entries, { main: manifest.main ?? '', servicesPath, target, usage })
    const files = await write(file, entries, { root, servicesPath })
    const otherFiles = new Set(ofProject.map(({ path }) => path))
    const otherFolders = packages.ofProject.map(({ path }) => `${path}/`)
    const isOfApp = ({ path }: PackedFile) =>
      !otherFiles.has(path) && !otherFolders.some(folder => path.startsWith(folder))
    return {
      ...{ file, images: usage.images, servicesPath, files },
      bytes: statSync(file).size,
      sha256: hash('sha256', readFileSync(file)),
      appBytes: files.filter(isOfApp).reduce((sum, { packedBytes }) => sum + packedBytes, 0),
    }
  } finally {
    packages.remove()
  }
}

function locateServices({ root, modelsDir }: PackagedProject): ServicesFolder {
  const isWithin = (outer: string, inner: string) =>
    !/^\.\.(?:$|[\\/])/.test(relative(outer, inner)) && !isAbsolute(relative(outer, inner))
  if (isWithin(modelsDir, root))
    throw new StartupError(
      `the services are in ${modelsDir}, which holds the project itself: name a folder of services with --models`,
    )
  const isElsewhere = !isWithin(root, modelsDir)
  const path = isElsewhere ? 'models' : relative(root, modelsDir).replaceAll('\\', '/')
  return { folder: modelsDir, path, isElsewhere }
}

const isCode = /\.[cm]?[jt]s$/

function findUsage(files: readonly ListedFile[], images: boolean | undefined): Usage {
  const code = files.filter(({ path }) => isCode.test(path)).map(({ source }) => readFileSync(source, 'utf8'))
  const mentions = (pattern: RegExp) => code.some(text => pattern.test(text))
  return { images: images ?? mentions(/\bdecodeImage\b|['"]sharp['"]/), zod: mentions(/['"]zod(?:\/[\w/-]+)?['"]/) }
}

/** The packages of the project: `ofProject` are those that Scoring Functions does not depend on itself. */
async function findPackages({ root }: PackagedProject, target: Target, usage: Usage) {
  const needs = { target, isNeeded: (from: string, to: string) => isNeeded(from, to, usage) }
  const { packages, absent } = findProductionPackages(root, needs)
  const { folder = root } = packages.find(({ name }) => name === 'scoring-functions') ?? {}
  const ofApp = [folder, ...findProductionPackages(folder, needs).packages.map(each => each.folder)]
  const ofProject = packages.filter(each => each.name === 'zod' || !ofApp.includes(each.folder))
  const isComplete = isThisMachine(target) || Object.keys(absent).length === 0
  const fetched: Fetched = isComplete ? { packages: [], remove: () => {} } : await fetchBinaries(root, absent, target)
  return { all: [...packages, ...fetched.packages], ofProject, remove: fetched.remove }
}

function listEntries({ name, path, folder }: ProductionPackage, target: Target): PackageEntry[] {
  return listFiles(folder, file => /(?:^|\/)node_modules\/$|^\.[^/]*\/$/.test(file))
    .filter(file => isRuntimeFile(name, file, target))
    .map(file => ({ path: `${path}/${file}`, source: join(folder, file) }))
}

/** What Node.js and the host read. Without its scripts, a build on the server would find nothing to run. */
function describeManifest(manifest: Manifest): string {
  const { scripts, devDependencies, workspaces, overrides, allowScripts, ...rest } = manifest as Record<string, unknown>
  return `${JSON.stringify(rest, undefined, 2)}\n`
}

async function write(
  file: string,
  entries: readonly PackageEntry[],
  { root, servicesPath }: { root: string; servicesPath: string },
): Promise<readonly PackedFile[]> {
  const cache = join(root, 'node_modules/.cache/scoring-functions')
  mkdirSync(dirname(file), { recursive: true })
  return writeZip(
    file,
    entries,
    openDeflate(cache, path => path.startsWith(`${servicesPath}/`)),
  )
}
