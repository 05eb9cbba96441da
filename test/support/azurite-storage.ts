import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startAzurite } from '../../src/host/azurite/local-storage.ts'
import type { Cleaner } from './cleaner.ts'

/** A storage account of this test alone. @returns its connection string */
export async function startStorage(cleaner: Cleaner): Promise<string> {
  const location = await mkdtemp(join(tmpdir(), 'storage-'))
  const { connectionString, stop } = await startAzurite(location, line => console.error(line))
  cleaner.onTestFinished(async () => {
    await stop()
    await rm(location, { recursive: true, force: true, maxRetries: 9 })
  })
  return connectionString
}
