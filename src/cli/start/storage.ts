/** The storage of an app that is started here: a local one, unless its settings name an account. */
import { join } from 'node:path'
import { lowerPriorityOfProcess } from '../../adapters/local/low-priority.ts'
import { hasAzurite } from '../../host/azurite/azurite-process.ts'
import { damageAdvice, type LocalStorage, startAzurite, usesLocalStorage } from '../../host/azurite/local-storage.ts'

export type Storage =
  | { readonly kind: 'local'; readonly account: LocalStorage }
  /** The settings name an account. */
  | { readonly kind: 'account' }
  | { readonly kind: 'none' }

/** Most of an app works without storage; what needs it says so when it is called. */
export async function startStorage(environment: NodeJS.ProcessEnv, appRoot: string): Promise<Storage> {
  if (!usesLocalStorage(environment)) return { kind: 'account' }
  if (!hasAzurite()) {
    console.error(
      'There is no local storage, because azurite is not installed; batch jobs get 503. To install it: npm install --save-dev azurite',
    )
    return { kind: 'none' }
  }
  try {
    const keptIn = join(appRoot, connectionStringFile)
    // Callers do not need it, and jobs can wait.
    const options = { keptIn, onStart: lowerPriorityOfProcess }
    const account = await startAzurite(join(appRoot, '.local', 'azurite'), line => console.error(line), options)
    return { kind: 'local', account }
  } catch (failure) {
    const consequence = 'Scoring works without storage; batch jobs get 503.'
    console.error(`${(failure as Error).message}\n${consequence} ${damageAdvice('.local/azurite')}`)
    environment.AzureWebJobsStorage = '' // there is no local storage for the app to find
    return { kind: 'none' }
  }
}

const connectionStringFile = '.local/storage-connection-string'

export function describeStorage(storage: Storage): string {
  if (storage.kind === 'account') return 'the account in AzureWebJobsStorage'
  if (storage.kind === 'none') return 'none, so batch jobs get 503'
  const { isPersistent, hasWellKnownPorts } = storage.account
  if (!isPersistent) return 'in memory only, because another process uses .local/azurite'
  if (hasWellKnownPorts) return '.local/azurite (connection string UseDevelopmentStorage=true)'
  return `.local/azurite (ports 10000-10002 are in use; connection string in ${connectionStringFile})`
}
