import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { StartupError } from '../errors.ts'

/**
 * Finds the folder of the function app: the nearest one above this file, or above its bundle, that has a `host.json`.
 *
 * @throws StartupError when no folder above has one
 */
export function findAppRoot(): string {
  const start = dirname(fileURLToPath(import.meta.url))
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'host.json'))) return folder
    if (dirname(folder) === folder) throw new StartupError(`no folder above ${start} has a host.json`)
  }
}
