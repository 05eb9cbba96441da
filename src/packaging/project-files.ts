/** The files of a project itself: all but its packages, what `.funcignore` leaves out, and what is for this machine. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ignore from 'ignore'
import { listFiles } from './list-files.ts'
import { isRuntimeFile } from './runtime-needs.ts'
import type { Target } from './target.ts'

/**
 * What is never deployed, whatever `.funcignore` says: packages, which are found by what depends on them; everything at the top that
 * begins with a dot, because keys, tokens and settings of this machine are there (`.local`, `.env`, `.azure`, `.npmrc`); lock files; and
 * packages that were made before.
 */
const neverDeployed = [
  /(?:^|\/)node_modules\/$/,
  /^\./,
  /^local\.settings\.json$/,
  /^(?:package-lock\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|bun\.lock)$/,
  /^(?:out\/)?[^/]+\.zip$/,
]

/** Rules are read as `.gitignore`'s, as VS Code and azd do; Core Tools' own reading leaves out no file that these keep. */
export function listProjectFiles(root: string): string[] {
  const rulesFile = join(root, '.funcignore')
  const rules = ignore().add(existsSync(rulesFile) ? readFileSync(rulesFile, 'utf8') : '')
  return listFiles(root, path => neverDeployed.some(rule => rule.test(path)) || rules.ignores(path))
}

/** Where the services are. */
export interface ServicesFolder {
  readonly folder: string
  /** In the package, e.g. `models`. */
  readonly path: string
  /** Whether the folder is not the one at `path` in the project. */
  readonly isElsewhere: boolean
}

export interface ListedFile {
  /** In the package. */
  readonly path: string
  /** On this machine. */
  readonly source: string
}

/** All files of services, without what begins with a dot, and the schema for editors. */
export function listServices({ folder, path }: ServicesFolder): ListedFile[] {
  const isLeftOut = (file: string) =>
    /(?:^|\/)(?:\.[^/]*|node_modules)\/?$/.test(file) || file === 'service.schema.json'
  const files = listFiles(folder, isLeftOut)
  return files.map(file => ({ path: `${path}/${file}`, source: join(folder, file) }))
}

/** The files of this package's own repository, in which everything but models and settings is built into `dist/`. */
export function listRepositoryFiles(root: string, services: ServicesFolder, target: Target): string[] {
  const built = listFiles(join(root, 'dist'), () => false).map(path => `dist/${path}`)
  return [
    ...['host.json', 'package.json', 'LICENSE'],
    ...built.filter(path => isRuntimeFile('scoring-functions', path, target)),
    ...(services.isElsewhere ? [] : listServices(services).map(({ path }) => path)),
  ]
}
