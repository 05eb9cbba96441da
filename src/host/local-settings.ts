import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StartupError } from '../errors.ts'
import { isByIdentity } from './app/binding-settings.ts'
import { parseJsonObject } from './json-file.ts'

const initial = {
  IsEncrypted: false,
  Values: { FUNCTIONS_WORKER_RUNTIME: 'node', AzureWebJobsStorage: 'UseDevelopmentStorage=true' },
}

export interface LocalSettings {
  /** Variables of `Values` that the environment does not have. */
  readonly values: Readonly<Record<string, string>>
  readonly port: number | undefined
  readonly address: string | undefined
  readonly warnings: readonly string[]
}

/**
 * Reads `local.settings.json` by the rules of `func start`: a variable of the environment wins, null is skipped. Unlike there,
 * settings of the environment such as `X__accountName` win over the connection string `X`. Creates the file when there is none.
 *
 * @throws StartupError when the file is no JSON, is encrypted, or has values of another type
 */
export function readLocalSettings(appRoot: string, environment: NodeJS.ProcessEnv): LocalSettings {
  const path = join(appRoot, 'local.settings.json')
  const file = parseJsonObject(readOrMake(path), path) as Record<string, unknown>
  if (file.IsEncrypted === true) {
    throw new StartupError(`${path} is encrypted; decrypt it with "func settings decrypt"`)
  }
  const host = objectAt(file, 'Host', path)
  const values: Record<string, string> = {}
  const warnings: string[] = []
  for (const [name, value] of Object.entries(objectAt(file, 'Values', path))) {
    if (value === null) continue
    // A connection string would take precedence over the identity, and in a container there is only the one of `initial`.
    if (isByIdentity(name, environment)) continue
    if (typeof value === 'object') throw new StartupError(`${path}: Values.${name} must be a string`)
    if (environment[name] !== undefined) {
      warnings.push(`Skipping '${name}' from local settings as it's already defined in current environment variables.`)
    } else if (name === '' || /[=\0]/.test(name)) {
      throw new StartupError(`${path}: "${name}" is not a valid name for a variable`)
    } else {
      values[name] = String(value)
    }
  }
  return { values, port: readPort(host.LocalHttpPort, path), address: readText(host.LocalHttpAddress), warnings }
}

function readOrMake(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code !== 'ENOENT') throw new StartupError(`${path} cannot be read: ${code}`, { cause })
  }
  const text = `${JSON.stringify(initial, undefined, 2)}\n`
  try {
    writeFileSync(path, text, { flag: 'wx' })
  } catch {
    // The folder is read-only, or another host has created the file: its content would be the same.
  }
  return text
}

function objectAt(file: Record<string, unknown>, key: string, path: string): Record<string, unknown> {
  const value = file[key] ?? {}
  if (typeof value !== 'object' || Array.isArray(value)) throw new StartupError(`${path}: ${key} must be an object`)
  return value as Record<string, unknown>
}

function readPort(value: unknown, path: string): number | undefined {
  if (value === undefined || value === null) return undefined
  const port = Number(value)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new StartupError(
      `${path}: Host.LocalHttpPort is ${JSON.stringify(value)}, and must be a number from 0 to 65535`,
    )
  }
  return port
}

function readText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
