import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { FolderRepositoryFiles } from '../../src/adapters/local/folder-repository-files.ts'
import { ModelRegistry } from '../../src/models/repository/model-registry.ts'
import { Services } from '../../src/workspace/services.ts'
import { WorkspaceKeys } from '../../src/workspace/workspace-keys.ts'

const noKeys = new WorkspaceKeys(async () => assert.fail('no keys are needed'))

describe('Services', () => {
  it('list those whose service.json is wrong too, and do not take a failing storage for an empty one', async test => {
    const root = await mkdtemp(join(tmpdir(), 'services-'))
    test.onTestFinished(() => rm(root, { recursive: true, maxRetries: 9 }))
    const files = new FolderRepositoryFiles(root)
    const texts = { half: '{', unknown: '{"batchng": {}}', good: '{"description": "fine"}' }
    for (const [name, text] of Object.entries(texts))
      await files.create(`${name}/service.json`, () => [Buffer.from(text)])
    const services = new Services(files, new ModelRegistry({ files, now: () => new Date() }), noKeys)
    const listed = (await services.list()).map(({ name, description }) => [name, description])
    assert.deepEqual(listed, [
      ['good', 'fine'],
      ['half', ''],
      ['unknown', ''],
    ])
    files.readText = async () => Promise.reject(new Error('the storage does not answer'))
    await assert.rejects(services.list(), { message: 'the storage does not answer' })
  })
})
