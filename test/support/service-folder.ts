import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Cleaner } from './cleaner.ts'

/** Files of services by path: text, bytes, or an object written as JSON. */
export type ServiceFiles = Readonly<Record<string, string | Buffer | object>>

/** A folder of services that is gone after the test. */
export async function makeServices(files: ServiceFiles, test: Cleaner): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'services-'))
  test.onTestFinished(() => rm(root, { recursive: true, force: true, maxRetries: 9 }))
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    const isRaw = typeof content === 'string' || Buffer.isBuffer(content)
    await writeFile(join(root, path), isRaw ? content : JSON.stringify(content))
  }
  return root
}
