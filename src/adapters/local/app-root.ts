import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { StartupError } from '../../errors.ts'

/** The folder of the function app: the nearest above this file, or the bundle it is in, with a `host.json`. */
export function findAppRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'host.json'))) {
    if (dirname(folder) === folder) throw new StartupError('host.json was not found in any folder above the app')
    folder = dirname(folder)
  }
  return folder
}
