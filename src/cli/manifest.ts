import { readFileSync } from 'node:fs'

interface Manifest {
  readonly version: string
  readonly engines: { readonly node: string }
}

/** The package.json of this package. */
export function readManifest(): Manifest {
  // It is beside `dist` and `src` alike.
  const file = new URL(import.meta.url.endsWith('.ts') ? '../../package.json' : '../package.json', import.meta.url)
  return JSON.parse(readFileSync(file, 'utf8'))
}

export const readVersion = (): string => readManifest().version
