import { findAppRoot } from '../adapters/local/app-root.ts'

let root: string | undefined

/**
 * The folder of this process's app.
 *
 * @param functionAppDirectory  as the host names it to the hook of the app's start, which is the first call
 */
export function locateApp(functionAppDirectory?: string): string {
  root ??= findAppRoot({
    functionAppDirectory,
    scriptRoot: process.env.AzureWebJobsScriptRoot,
    workingDir: process.cwd(),
  })
  return root
}
