import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, it } from 'vitest'

const source = new URL('../../../src/adapters/node-worker/start-thread.ts', import.meta.url)

describe('startWorkerThread', () => {
  it('has the thread keep compiled code where the process keeps its own', async test => {
    const folder = await mkdtemp(join(tmpdir(), 'compile-cache-'))
    test.onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 9 }))
    const program = `
      require('node:module').enableCompileCache(${JSON.stringify(folder)})
      import(${JSON.stringify(source.href)}).then(async ({ startWorkerThread }) => {
        const { worker, guard } = startWorkerThread(100)
        worker.ref()
        await guard.close() // it has loaded ONNX Runtime
        await worker.terminate()
      })`
    await promisify(execFile)(process.execPath, ['--eval', program], { env: {} })
    const files = await readdir(folder, { recursive: true })
    // The process itself reads some ten files, and the thread, from source, more than two hundred.
    assert.ok(files.length > 100, `${files.length}`)
  })
})
