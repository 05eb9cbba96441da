import { existsSync, globSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { StartupError } from '../../errors.ts'
import { readJsonFile } from '../json-file.ts'

/** The part of a function app's `package.json` that the worker reads. */
interface Package {
  readonly main?: string
  readonly type?: string
}

/**
 * Loads the files that `main` in package.json names (a path, glob or brace pattern), as Azure's Node worker does.
 *
 * @throws StartupError when there is nothing to load; AppLoadError when a file throws
 */
export async function loadApp(appRoot: string): Promise<void> {
  const { main, type } = readJsonFile<Package>(join(appRoot, 'package.json'))
  if (!main)
    throw new StartupError(
      `${join(appRoot, 'package.json')} has no "main", which names the files that register functions`,
    )
  // Most apps name one file, and looking it up as a pattern takes 10 ms of a cold start.
  const files = existsSync(join(appRoot, main)) ? [main] : globSync(main, { cwd: appRoot }).sort()
  if (files.length === 0) {
    throw new StartupError(
      `"main" in package.json is "${main}", and ${appRoot} has no such file: run "npm install", or build the app`,
    )
  }
  for (const file of files) {
    try {
      await loadFile(join(appRoot, file), type)
    } catch (cause) {
      throw new AppLoadError(file, cause)
    }
  }
}

/** A file of the app threw while it was loaded; `cause` is the error. */
export class AppLoadError extends Error {
  constructor(file: string, cause: unknown) {
    super(`Worker was unable to load entry point "${file}"`, { cause })
    this.name = 'AppLoadError'
  }
}

async function loadFile(file: string, packageType: string | undefined): Promise<void> {
  const isModule = file.endsWith('.mjs') || (!file.endsWith('.cjs') && packageType === 'module')
  if (isModule) await import(pathToFileURL(file).href)
  else createRequire(file)(file)
}
