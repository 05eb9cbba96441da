import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { StartupError } from '../errors.ts'

/** The folder of the function app that this command belongs to: the nearest above this file with a `host.json`. */
export function findAppRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'host.json'))) {
    if (dirname(folder) === folder) throw new StartupError('host.json was not found in any folder above this command')
    folder = dirname(folder)
  }
  return folder
}
