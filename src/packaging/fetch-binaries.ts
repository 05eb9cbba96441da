/** Packages with native code for another platform than this one, which npm leaves out here. */
import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { StartupError } from '../errors.ts'
import type { ProductionPackage } from './production-packages.ts'
import type { Target } from './target.ts'

interface Lock {
  readonly packages?: Readonly<Record<string, { readonly version?: string; readonly integrity?: string }>>
}

export interface Fetched {
  readonly packages: readonly ProductionPackage[]
  /** Deletes the folder that they are in. */
  remove(): void
}

/**
 * Lets npm choose and fetch those of the optional dependencies that are for the target, as it does on that platform: those that it
 * cannot fetch are left out.
 *
 * @param versions  optional dependencies that are not installed here, by name
 * @throws StartupError when npm fails, or a package is not the one of the project's lock file
 */
export async function fetchBinaries(
  root: string,
  versions: Readonly<Record<string, string>>,
  target: Target,
): Promise<Fetched> {
  const folder = mkdtempSync(join(tmpdir(), 'scoring-package-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  try {
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, optionalDependencies: versions }))
    if (existsSync(join(root, '.npmrc'))) copyFileSync(join(root, '.npmrc'), join(folder, '.npmrc')) // its registry
    await npmInstall(folder, target)
    const installed = readLock(join(folder, 'node_modules/.package-lock.json'))
    const packages = Object.keys(installed)
      .filter(path => path !== '')
      .map(path => ({ name: path.replace(/^.*node_modules\//, ''), path, folder: join(folder, path) }))
    requireLocked(installed, readLock(join(root, 'package-lock.json')))
    return { packages, remove }
  } catch (failure) {
    remove()
    throw failure
  }
}

async function npmInstall(folder: string, { os, cpu, libc }: Target): Promise<void> {
  const platform = [`--os=${os}`, `--cpu=${cpu}`, `--libc=${libc}`]
  const args = ['install', ...platform, '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
  try {
    await promisify(execFile)('npm', args, { cwd: folder, shell: process.platform === 'win32' })
  } catch (failure) {
    const { stderr = '', message } = failure as Error & { stderr?: string }
    const [line = message] = stderr.split('\n').filter(each => each.startsWith('npm error'))
    throw new StartupError(
      `native packages for ${os}-${cpu} cannot be fetched: ${line.replace(/^npm error (code )?/, '')}; connect to the registry, or make the package on ${os}-${cpu}`,
      { cause: failure },
    )
  }
}

const readLock = (file: string): NonNullable<Lock['packages']> =>
  existsSync(file) ? ((JSON.parse(readFileSync(file, 'utf8')) as Lock).packages ?? {}) : {}

/** The lock file has the digests of all platforms' packages; npm has only checked those of the registry. */
function requireLocked(installed: NonNullable<Lock['packages']>, locked: NonNullable<Lock['packages']>): void {
  for (const [path, { version, integrity }] of Object.entries(installed)) {
    const expected = Object.entries(locked).find(
      ([each, entry]) => (each === path || each.endsWith(`/${path}`)) && entry.version === version,
    )?.[1]
    if (expected?.integrity !== undefined && integrity !== undefined && expected.integrity !== integrity)
      throw new StartupError(`${path} ${version} of the registry is not the one of package-lock.json: ${integrity}`)
  }
}
