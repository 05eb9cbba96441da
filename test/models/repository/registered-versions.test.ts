import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'vitest'
import { FolderModelStore } from '../../../src/adapters/local/folder-model-store.ts'
import { FolderRepositoryFiles } from '../../../src/adapters/local/folder-repository-files.ts'
import { ModelRegistry } from '../../../src/models/repository/model-registry.ts'
import { makeServices } from '../../support/service-folder.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

async function open(test: TestContext, definition: object = {}) {
  const root = await makeServices({ 'churn/service.json': definition, 'churn/1/model.onnx': 'one' }, test)
  const registry = new ModelRegistry({ files: new FolderRepositoryFiles(root), now: () => new Date() })
  return { root, registry, store: new FolderModelStore(root) }
}

describe('FolderModelStore, beside a registry', () => {
  it('serves a registered version, with its digest', async test => {
    const { root, registry, store } = await open(test)
    const before = await store.readServiceFiles('churn')
    const { files } = await registry.register('churn', { files: { 'model.onnx': bytes('two') } })
    const { version, versions, models } = await store.openService('churn')
    assert.deepEqual([version, versions], ['2', ['1', '2']])
    const path = join(root, 'churn/2/model.onnx')
    assert.deepEqual(models, [{ name: 'churn', path, sha256: files[0]?.sha256 }])
    const after = await store.readServiceFiles('churn')
    assert.deepEqual([...after.keys()].sort(), ['1/model.onnx', '2/model.onnx', 'service.json'])
    assert.equal(after.get('1/model.onnx'), before.get('1/model.onnx'))
    // Tags are no reason to load it again.
    await registry.update('churn', 2, { tags: { team: 'risk' } })
    assert.deepEqual(await store.readServiceFiles('churn'), after)
  })

  it('does not see a version that is being registered, or was deleted', async test => {
    const { registry, store } = await open(test)
    const read = Promise.withResolvers<void>()
    const rest = Promise.withResolvers<void>()
    const slow = async function* () {
      read.resolve()
      await rest.promise
      yield bytes('data')
    }
    const registering = registry.register('churn', { files: { 'model.onnx': bytes('two'), 'model.onnx.data': slow } })
    await read.promise
    assert.deepEqual([...(await store.readServiceFiles('churn')).keys()].sort(), ['1/model.onnx', 'service.json'])
    assert.equal((await store.openService('churn')).version, '1')
    rest.resolve()
    await registering
    assert.equal((await store.openService('churn')).version, '2')
    await registry.delete('churn', 2)
    assert.equal((await store.openService('churn')).version, '1')
  })

  it('does not ask for a service.json of a model that is only registered', async test => {
    const { registry, store } = await open(test)
    await registry.register('other', { files: { 'model.onnx': bytes('x') } })
    assert.deepEqual(await store.listUndefined(), [])
    assert.deepEqual((await store.readFiles()).undefinedServices, new Set())
  })

  it('opens each deployment with its version, and the service as the one with the greatest weight', async test => {
    const deployments = { blue: { version: 1, weight: 30 }, green: { version: 2, weight: 70 } }
    const { root, registry, store } = await open(test, { deployments, description: 'who leaves' })
    await assert.rejects(store.openService('churn'), {
      name: 'ServiceLoadError',
      message: 'churn/service.json: deployments.green.version: there is no version 2 with a model; there are: 1',
    })
    await registry.register('churn', { files: { 'model.onnx': bytes('two') } })
    const spec = await store.openService('churn')
    assert.deepEqual([spec.version, spec.deployments?.blue?.version, spec.deployments?.green?.version], ['2', '1', '2'])
    assert.equal(spec.deployments?.blue?.models[0]?.path, join(root, 'churn/1/model.onnx'))
    const { definition } = spec.deployments?.blue ?? {}
    assert.deepEqual([definition?.deployments, definition?.description], [undefined, 'who leaves'])
  })
})
