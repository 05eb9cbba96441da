import { openStorage } from '../adapters/azure/open-storage.ts'
import type { StorageSettings } from '../adapters/azure/storage-address.ts'
import type { Jobs, JobsParts } from './jobs-app.ts'
import type { Settings } from './settings.ts'

/** The bundle beside this one, or the source when run from source. */
const entry = new URL(import.meta.url.endsWith('.ts') ? './jobs-app.ts' : './jobs.cjs', import.meta.url)

/** Batch jobs of the app. */
export interface OpenedJobs {
  /** Loads what they need, once. */
  open(): Promise<Jobs>
  /** Does nothing where they were never opened. */
  stop(): Promise<void>
}

function jobStorage({ storage, azureClientId, isDevelopment }: Settings): StorageSettings {
  return { ...storage, defaultClientId: azureClientId, isDevelopment }
}

/**
 * Checks the settings of the storage at once. Everything else is loaded with the first job.
 *
 * @returns undefined when no storage is set, so there are no jobs
 * @throws StartupError when a setting is wrong
 */
export function openJobs(parts: JobsParts): OpenedJobs | undefined {
  const storage = jobStorage(parts.settings)
  const open = openStorage(storage)
  if (!open) return undefined
  let opened: Promise<Jobs> | undefined
  const load = async () => {
    const { createJobs } = (await import(entry.href)) as typeof import('./jobs-app.ts')
    return createJobs(parts, storage, await open())
  }
  return {
    open: () => {
      opened ??= load()
      return opened
    },
    stop: async () => (await opened?.catch(() => undefined))?.stop(),
  }
}
