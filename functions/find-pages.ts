import { startedApp } from '../src/compose/app.ts'
import type { PageSource } from '../src/protocols/ops/docs-endpoints.ts'

/** What pages are made from, once the app has started. */
export async function findPages(): Promise<PageSource> {
  const { catalogue, docsFiles, settings } = await startedApp()
  return { catalogue, files: docsFiles, isDevelopment: settings.isDevelopment }
}
