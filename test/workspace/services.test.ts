import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { FolderRepositoryFiles } from '../../src/adapters/local/folder-repository-files.ts'
import { Webservice, Workspace } from '../../src/client/index.ts'
import type { Model } from '../../src/client/model.ts'
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

  it('go on with their own newest version when they get a deployment, not with the copy of its model', async test => {
    const root = await mkdtemp(join(tmpdir(), 'services-'))
    test.onTestFinished(() => rm(root, { recursive: true, maxRetries: 9 }))
    const files = new FolderRepositoryFiles(root)
    const models = new ModelRegistry({ files, now: () => new Date() })
    for (const path of ['plain/service.json', 'plain/1/model.onnx', 'other/1/model.onnx'])
      await files.create(path, () => [Buffer.from(path.endsWith('.json') ? '{"auth": {"mode": "none"}}' : 'x')])
    const services = new Services(files, models, noKeys)
    const record = await models.get('other', 1)
    await services.putDeployment('plain', 'green', {
      models: [{ record: record!, name: 'other', version: 1, id: 'other:1' } as Model],
    })
    const written = JSON.parse((await files.readText('plain/service.json'))?.text ?? '')
    assert.deepEqual(written.deployments.blue, { weight: 100, version: 1 })
    assert.equal(written.deployments.green.models.other.path, '2/other/1/model.onnx')
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
  it('makes no keys for a service that does not exist', async test => {
    const root = await mkdtemp(join(tmpdir(), 'keys-'))
    test.onTestFinished(() => rm(root, { recursive: true, maxRetries: 9 }))
    await writeFile(join(root, 'host.json'), '{}')
    const workspace = await Workspace.fromFolder(root)
    const message = `there is no service "typo" in ${join(root, 'models')}`
    const service = new Webservice(workspace, 'typo')
    await assert.rejects(service.regenKey('primary'), { name: 'WorkspaceError', message })
    await assert.rejects(service.getKeys(), { name: 'WorkspaceError', message })
    assert.deepEqual(await readdir(root), ['host.json'])
    const other =
      '{"other": {"primary": "p-0123456789-0123456789-0123456789", "secondary": "s-0123456789-0123456789-0123456789"}}'
    await mkdir(join(root, '.local'))
    await writeFile(join(root, '.local/keys.json'), other)
    const packaged = await new Webservice(workspace, 'other').getKeys() // of a service in the package of the app
    assert.equal(packaged.primary, 'p-0123456789-0123456789-0123456789')
    await assert.rejects(new Webservice(workspace, 'other').regenKey('primary'), /there is no service "other"/)
    assert.equal(await readFile(join(root, '.local/keys.json'), 'utf8'), other)
  })
})
