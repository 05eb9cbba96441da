import { readFileSync } from 'node:fs'

/** The version of this package. */
export function readVersion(): string {
  // package.json is beside `dist` and `src` alike.
  const file = new URL(import.meta.url.endsWith('.ts') ? '../../package.json' : '../package.json', import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8')).version
}
