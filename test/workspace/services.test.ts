import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { FolderRepositoryFiles } from '../../src/adapters/local/folder-repository-files.ts'
import { ModelRegistry } from '../../src/models/repository/model-registry.ts'
import { RegistryWorkspace } from '../../src/workspace/registry-workspace.ts'
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

describe('RegistryWorkspace', () => {
  it('writes nothing outside the folder of a download, whatever the record of a version says', async test => {
    const root = await mkdtemp(join(tmpdir(), 'download-'))
    test.onTestFinished(() => rm(root, { recursive: true, maxRetries: 9 }))
    const files = new FolderRepositoryFiles(join(root, 'models'))
    const registry = new ModelRegistry({ files, now: () => new Date() })
    const model = await registry.register('iris', { files: { 'model.onnx': Buffer.from('x') } })
    await files.create('stolen.txt', () => [Buffer.from('x')])
    const unused = async () => assert.fail('not used')
    const workspace = new RegistryWorkspace({
      ...{ name: 'test', files, keys: noKeys, credential: unused },
      ...{ findUrl: unused, requireApp: () => {}, readLogs: unused, uploadInput: unused },
      projectRoot: undefined,
    })
    const path = '../../stolen.txt'
    const forged = { ...model, files: [...model.files, { path, bytes: 1, sha256: model.files[0]?.sha256 }] }
    await assert.rejects(workspace.downloadModel(forged, join(root, 'to')), {
      message: `the record of iris:1 names "${path}", which must be a relative path with "/", such as model.onnx or weights/part-1.bin`,
    })
    assert.deepEqual(await readdir(root), ['models'])
    await assert.rejects(registry.read(forged, path)[Symbol.asyncIterator]().next(), { code: 'FILES_INVALID' })
    assert.equal(await workspace.downloadModel(model, join(root, 'to')), join(root, 'to/iris/1'))
  })
})
