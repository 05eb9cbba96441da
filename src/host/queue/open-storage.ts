/** The bundle beside this one, or the source when run from source. */
const entry = new URL(import.meta.url.endsWith('.ts') ? './azure-storage.ts' : './host-storage.cjs', import.meta.url)

/** Loads Azure's SDKs for storage: only an app with a queue trigger pays for them. */
export async function loadAzureStorage(): Promise<typeof import('./azure-storage.ts')> {
  return import(entry.href)
}
