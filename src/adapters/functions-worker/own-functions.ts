import { readdirSync, realpathSync, statSync } from 'node:fs'
import { url as inspectorUrl } from 'node:inspector'
import { createRequire, registerHooks } from 'node:module'
import { basename, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { findPackageRoot } from '../local/app-root.ts'
import type { Registrations } from './registrations.ts'

const libraryName = '@azure/functions'

/** A file may read settings or connect to something while it is imported. */
const defaultMaxImportMs = 20_000

/**
 * Imports the files in `functions/` of the project, so that the functions which they register run beside the app's. A file that
 * cannot be imported is named in the log and left out: on Azure, an app that fails to load has no functions at all, and a mistake in
 * one file is no reason to stop scoring.
 *
 * @param maxMs  time for each file: one that waits for something that never comes is left out too.
 *   There is no limit while a debugger can attach
 */
export async function importOwnFunctions(
  appRoot: string,
  registrations: Registrations,
  { maxMs = defaultMaxImportMs }: { readonly maxMs?: number } = {},
): Promise<void> {
  const files = listFunctionFiles(appRoot)
  if (files.length > 0) shareLibrary(appRoot)
  for (const file of files) {
    registrations.owner = { kind: 'file', file }
    const reason = await findImportFailure(appRoot, file, maxMs)
    if (reason === undefined) continue
    const served = registrations.namesFrom(file)
    const extent =
      served.length === 0
        ? 'is not loaded, and the app runs without it'
        : `is not loaded completely, and runs with what it had registered (${served.join(', ')})`
    console.error(`${file} ${extent}: ${reason}`)
  }
}

/** @returns undefined when the file has been imported */
async function findImportFailure(appRoot: string, file: string, maxMs: number): Promise<string | undefined> {
  const onExit = () => console.error(`${file} has ended the process while it was imported`)
  process.once('exit', onExit)
  const over = new AbortController()
  const imported: Promise<string | undefined> = import(pathToFileURL(join(appRoot, file)).href).then(
    () => undefined,
    failure => describe(failure, file),
  )
  const late = delay(maxMs, `its import has not ended after ${maxMs / 1000} s`, { signal: over.signal })
  late.catch(() => {}) // aborted
  try {
    return await (inspectorUrl() === undefined ? Promise.race([imported, late]) : imported)
  } finally {
    over.abort()
    process.off('exit', onExit)
  }
}

/** @returns paths such as `functions/hello.ts`, in order; none where the app is this package itself, whose `functions/` is bundled */
function listFunctionFiles(appRoot: string): string[] {
  if (realpathSync(appRoot) === realpathSync(findPackageRoot())) return []
  let names: string[]
  try {
    names = readdirSync(join(appRoot, 'functions'))
  } catch {
    return [] // no such folder
  }
  return names
    .filter(name => /\.[cm]?[jt]s$/.test(name) && !/\.(d|test|spec)\.[cm]?[jt]s$/.test(name))
    .filter(name => !statSync(join(appRoot, 'functions', name), { throwIfNoEntry: false })?.isDirectory())
    .sort()
    .map(name => `functions/${name}`)
}

/**
 * Gives the project's files this app's copy of `@azure/functions`, where they would get another one or none. Settings such as HTTP
 * streaming belong to a copy, and the functions of a second one would not read their bodies.
 */
function shareLibrary(appRoot: string): void {
  const ours = createRequire(import.meta.url).resolve(libraryName)
  if (resolveFrom(appRoot) === ours) return
  const url = pathToFileURL(ours).href
  registerHooks({
    resolve: (specifier, context, nextResolve) =>
      specifier === libraryName ? { url, format: 'commonjs', shortCircuit: true } : nextResolve(specifier, context),
  })
}

function resolveFrom(appRoot: string): string | undefined {
  try {
    return createRequire(join(appRoot, 'package.json')).resolve(libraryName)
  } catch {
    return undefined
  }
}

/** Node.js knows the line of a syntax error in TypeScript, and none in JavaScript. It may be in a file which this one imports. */
function describe(failure: unknown, file: string): string {
  const { message, stack = '' } = failure instanceof Error ? failure : new Error(String(failure))
  if (!(failure instanceof SyntaxError)) return message
  const [, found, line] = /^(\S+):(\d+)\n/.exec(stack) ?? []
  if (found === undefined) return `${message} ("node --check ${file}" shows the line)`
  const broken = basename(found.startsWith('file:') ? fileURLToPath(found) : found)
  return `${broken === basename(file) ? '' : `${broken}, `}line ${line}: ${message}`
}
