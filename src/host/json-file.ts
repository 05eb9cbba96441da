import { readFileSync } from 'node:fs'
import { StartupError } from '../errors.ts'

/** @throws StartupError when the file cannot be read, or holds no JSON object */
export function readJsonFile<T extends object>(path: string): T {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new StartupError(`${path} cannot be read: ${(cause as NodeJS.ErrnoException).code}`, { cause })
  }
  return parseJsonObject(text, path) as T
}

/**
 * @param path  names the file in messages
 * @throws StartupError when the text is no JSON object; the message quotes nothing of it, because it may hold secrets
 */
export function parseJsonObject(text: string, path: string): object {
  let value: unknown
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (cause) {
    const [position] = /line \d+ column \d+/.exec((cause as Error).message) ?? []
    throw new StartupError(`${path} is not valid JSON${position === undefined ? '' : ` (${position})`}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new StartupError(`${path} must hold a JSON object`)
  }
  return value
}
