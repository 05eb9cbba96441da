import { openStorage } from '../adapters/azure/open-storage.ts'
import type { Jobs, JobsParts } from './jobs-app.ts'

/** The bundle beside this one, or the source when run from source. */
const entry = new URL(import.meta.url.endsWith('.ts') ? './jobs-app.ts' : './jobs.cjs', import.meta.url)

/**
 * Checks the settings of the storage at once. Everything else is loaded with the first job.
 *
 * @returns undefined when no storage is set, so there are no jobs
 * @throws StartupError when a setting is wrong
 */
export function openJobs(parts: JobsParts): (() => Promise<Jobs>) | undefined {
  const { storage, azureClientId, isDevelopment } = parts.settings
  const open = openStorage({ ...storage, defaultClientId: azureClientId, isDevelopment })
  if (!open) return undefined
  let opened: Promise<Jobs> | undefined
  const load = async () => {
    const { createJobs } = (await import(entry.href)) as typeof import('./jobs-app.ts')
    return createJobs(parts, await open())
  }
  return () => {
    opened ??= load()
    return opened
  }
}
