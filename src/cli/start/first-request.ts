/** Chooses and writes the first request to try: one that scores when it is pasted into a shell. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { ServiceStates } from './readiness.ts'

/** A request that can be tried. */
export interface Example {
  readonly service: string
  /** JSON on one line. */
  readonly body: string
  /** Whether it was scored at load; otherwise it only shows the form. */
  readonly isScored: boolean
}

/** Changes that are closer together than this count as one, such as the files of a checkout. */
const sameChangeMs = 60_000

/**
 * Chooses an example that was scored if there is one, of the service that its owner has changed last. Where several have
 * been changed together, the shortest one is chosen.
 */
export async function chooseExample(services: ServiceStates, modelsDir: string): Promise<Example | undefined> {
  const all = Object.entries(services).flatMap(([service, { example }]) =>
    example ? [{ service, body: onOneLine(example.body), isScored: example.isScored }] : [],
  )
  const scored = all.filter(({ isScored }) => isScored)
  const candidates = await Promise.all(
    (scored.length > 0 ? scored : all).map(async example => ({
      example,
      changedAt: await readChangeTime(join(modelsDir, example.service)),
    })),
  )
  const newest = Math.max(...candidates.map(({ changedAt }) => changedAt))
  const [first] = candidates
    .filter(({ changedAt }) => newest - changedAt < sameChangeMs)
    .sort((a, b) => a.example.body.length - b.example.body.length)
  return first?.example
}

/** @returns milliseconds since 1970 of the last change of a file of the service; 0 when they cannot be read */
async function readChangeTime(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const times = entries
    .filter(entry => entry.isFile())
    .map(({ parentPath, name }) => stat(join(parentPath, name)).catch(() => undefined))
  return Math.max(0, ...(await Promise.all(times)).map(found => found?.mtimeMs ?? 0))
}

export interface CurlOptions {
  /** Where the host listens. */
  readonly url: string
  /** undefined: the service needs none. */
  readonly credential: string | undefined
  readonly certPath?: string | undefined
  readonly modelsDir: string
  /** Folder in which the command is pasted. */
  readonly workingDir: string
}

/** A longer body is sent from its file where it has one. */
const maxInlineLength = 300

/** Writes a `curl` command for a POSIX shell, on several lines that are pasted together. */
export async function describeCurl(example: Example, options: CurlOptions): Promise<string> {
  const { url, credential, certPath } = options
  const trust = certPath ? ` --cacert ${quote(certPath)}` : ''
  const bearer = credential === undefined ? [] : [`-H ${quote(`Authorization: Bearer ${credential}`)}`]
  const file = example.body.length > maxInlineLength ? await findSampleFile(example, options) : undefined
  const data = `-d ${file === undefined ? quote(example.body) : quote(`@${file}`)}`
  return [
    `curl${trust} ${url}/api/v1/service/${example.service}/score`,
    ...bearer,
    `-H 'Content-Type: application/json' ${data}`,
  ].join(' \\\n  ')
}

/** Quotes a text for a POSIX shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** @returns the path of the file that holds the body, relative to the working directory */
async function findSampleFile(
  { service, body }: Example,
  { modelsDir, workingDir }: CurlOptions,
): Promise<string | undefined> {
  const folder = join(modelsDir, service)
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.endsWith('.json') || name === 'service.json') continue
    const path = join(folder, name)
    if (onOneLine(await readFile(path, 'utf8').catch(() => '')) === body) return relative(workingDir, path)
  }
  return undefined
}

/** TypeScript does not know `JSON.rawJSON` yet (ECMAScript proposal, source text access). */
const { rawJSON: rawJson } = JSON as unknown as { rawJSON(text: string): unknown }

/** Removes line breaks from JSON text, and leaves each number as it was written. Other text stays as it is. */
function onOneLine(text: string): string {
  const asWritten = (_name: string, value: unknown, { source }: { source?: string }) =>
    typeof value === 'number' && source !== undefined ? rawJson(source) : value
  try {
    return JSON.stringify(JSON.parse(text, asWritten as (name: string, value: unknown) => unknown))
  } catch {
    return text
  }
}
