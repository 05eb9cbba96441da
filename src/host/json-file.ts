import { readFileSync } from 'node:fs'
import { StartupError } from '../errors.ts'

/** @throws StartupError when the file cannot be read, or is no JSON */
export function readJsonFile<T>(file: string): T {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new StartupError(`${file} cannot be read: ${(cause as NodeJS.ErrnoException).code}`, { cause })
  }
  try {
    return JSON.parse(text) as T
  } catch (cause) {
    throw new StartupError(`${file} is not valid JSON: ${(cause as Error).message}`, { cause })
  }
}
