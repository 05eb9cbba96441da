import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'
import * as api from '../../entry-script/api.ts'
import { ServiceLoadError } from '../../errors.ts'

const moduleName = 'scoring-functions'
const moduleUrl = 'scoring-functions:entry-script'
const globalName = Symbol.for(moduleUrl)

/**
 * Imports an entry script, JavaScript or TypeScript (Node.js strips the types). Wherever the script lies,
 * `import … from 'scoring-functions'` gives it this thread's own classes.
 *
 * @throws ServiceLoadError with the place of a syntax error, or what the module threw
 */
export async function importEntryModule(path: string, file: string): Promise<Record<string, unknown>> {
  Object.assign(globalThis, { [globalName]: api })
  const names = Object.keys(api).join(', ')
  registerHooks({
    resolve: (specifier, context, nextResolve) =>
      specifier === moduleName ? { url: moduleUrl, shortCircuit: true } : nextResolve(specifier, context),
    load: (url, context, nextLoad) =>
      url === moduleUrl
        ? {
            format: 'module',
            shortCircuit: true,
            source: `export const { ${names} } = globalThis[Symbol.for(${JSON.stringify(moduleUrl)})]`,
          }
        : nextLoad(url, context),
  })
  try {
    return await import(pathToFileURL(path).href)
  } catch (cause) {
    throw new ServiceLoadError(
      `${file} cannot be imported: ${placeOf(cause, file)}${(cause as Error)?.message ?? cause}`,
      { cause },
    )
  }
}

/** Node.js writes `file:///…/score.ts:12` as the first line of a syntax error's stack. */
function placeOf(cause: unknown, file: string): string {
  const line = cause instanceof SyntaxError ? /^\S+:(\d+)/.exec(cause.stack ?? '')?.[1] : undefined
  return line ? `${file}:${line}: ` : ''
}
