import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { StartupError } from '../../errors.ts'

/** Where the folder of the function app may be told from. */
export interface AppRootHints {
  /** What the host calls `functionAppDirectory` when it starts the app. */
  readonly functionAppDirectory?: string | undefined
  /** `AzureWebJobsScriptRoot`, which Azure's host and Core Tools set. */
  readonly scriptRoot?: string | undefined
  readonly workingDir: string
}

/**
 * The folder of the function app, with its `host.json`: the one that the host names, or else the working directory, which Azure's
 * worker changes to it, or else the nearest above this file. The last is the app only where the code is not in a package of its own:
 * with `npm link`, pnpm or workspaces, the real path of the package leads away from the project.
 *
 * @throws StartupError when none of them has a `host.json`
 */
export function findAppRoot({ functionAppDirectory, scriptRoot, workingDir }: AppRootHints): string {
  const found = [functionAppDirectory, scriptRoot, workingDir].find(folder => folder && hasHostJson(folder))
  const root = found ?? findAbove(dirname(fileURLToPath(import.meta.url)), hasHostJson)
  if (root === undefined) {
    throw new StartupError(`host.json was found neither in the working directory, ${workingDir}, nor above the app`)
  }
  return root
}

/** The folder of this package, which has `dist/` and `package.json`, whatever project uses it. */
export function findPackageRoot(): string {
  const start = dirname(fileURLToPath(import.meta.url))
  const root = findAbove(start, folder => existsSync(join(folder, 'package.json')))
  if (root === undefined) throw new StartupError(`package.json was not found in any folder above ${start}`)
  return root
}

function hasHostJson(folder: string): boolean {
  return existsSync(join(folder, 'host.json'))
}

function findAbove(start: string, isFound: (folder: string) => boolean): string | undefined {
  for (let folder = start; ; folder = dirname(folder)) {
    if (isFound(folder)) return folder
    if (dirname(folder) === folder) return undefined
  }
}
