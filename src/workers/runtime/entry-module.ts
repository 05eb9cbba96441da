import { registerHooks } from 'node:module'
import { basename } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ServiceLoadError } from '../../errors.ts'
import * as api from '../../scripts/api.ts'

const moduleName = 'scoring-functions'
const moduleUrl = 'scoring-functions:entry-script'
const globalName = Symbol.for(moduleUrl)

/**
 * Imports an entry script, JavaScript or TypeScript (Node.js strips the types). Wherever the script lies,
 * `import … from 'scoring-functions'` gives it this thread's own classes.
 *
 * @throws ServiceLoadError with the position of a syntax error, or what the module threw
 */
export async function importEntryModule(path: string, file: string): Promise<Record<string, unknown>> {
  installApi()
  try {
    const module: Record<string, unknown> = await import(pathToFileURL(path).href)
    // CommonJS, and `export default { init, run }`, have everything in `default`.
    return { ...(module.default as object | undefined), ...module }
  } catch (cause) {
    throw new ServiceLoadError(
      `${file} cannot be imported: ${describePosition(cause, path, file)}${(cause as Error)?.message ?? cause}`,
      { cause },
    )
  }
}

/** Makes `scoring-functions` importable, once: a pipeline has several scripts. */
function installApi(): void {
  if (Object.hasOwn(globalThis, globalName)) return
  Object.assign(globalThis, { [globalName]: api })
  const names = Object.keys(api).join(', ')
  registerHooks({
    resolve: (specifier, context, nextResolve) => {
      if (specifier === moduleName) return { url: moduleUrl, shortCircuit: true }
      try {
        return nextResolve(specifier, context)
      } catch (failure) {
        // A script outside the app, and without packages of its own, may use those of the app: zod for one.
        if (!isMissingPackage(specifier, failure)) throw failure
        return resolveFromApp(() => nextResolve(specifier, { ...context, parentURL: import.meta.url }), failure)
      }
    },
    load: (url, context, nextLoad) =>
      url === moduleUrl
        ? {
            format: 'module',
            shortCircuit: true,
            source: `export const { ${names} } = globalThis[Symbol.for(${JSON.stringify(moduleUrl)})]`,
          }
        : nextLoad(url, context),
  })
}

/** Throws the script's own failure where the package is missing in both, because the owner looks there for the mistake. */
function resolveFromApp<T>(resolve: () => T, failure: unknown): T {
  try {
    return resolve()
  } catch {
    throw failure
  }
}

function isMissingPackage(specifier: string, failure: unknown): boolean {
  const isBare = /^(@[\w.-]+\/)?[\w-]/.test(specifier) && !specifier.includes(':')
  return isBare && (failure as { code?: string }).code === 'ERR_MODULE_NOT_FOUND'
}

/**
 * Node.js writes `file:///…/score.ts:12` as the first line of a syntax error's stack; that may be a file which the script
 * imports.
 */
function describePosition(cause: unknown, path: string, file: string): string {
  const [, found, line] = (cause instanceof SyntaxError && /^(\S+):(\d+)\n/.exec(cause.stack ?? '')) || []
  if (found === undefined) return ''
  const broken = found.startsWith('file:') ? fileURLToPath(found) : found
  return `${broken === path ? file : basename(broken)}:${line}: `
}
