import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'vitest'
import { RemoteModelStore } from '../../src/adapters/azure/remote-model-store.ts'
import { FileCache } from '../../src/adapters/local/file-cache.ts'
import { FolderModelStore } from '../../src/adapters/local/folder-model-store.ts'
import { FolderRepositoryFiles } from '../../src/adapters/local/folder-repository-files.ts'
import { parseDefinition } from '../../src/models/definition/parse-definition.ts'
import { ModelRegistry } from '../../src/models/repository/model-registry.ts'
import { makeServices } from '../support/service-folder.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

/** Notes what is asked of the repository. */
class ObservedFiles extends FolderRepositoryFiles {
  readonly calls: string[] = []

  override list(prefix: string) {
    this.calls.push(`list ${prefix}*`)
    return super.list(prefix)
  }

  override read(path: string, version: string) {
    this.calls.push(`read ${path}`)
    return super.read(path, version)
  }

  override readText(path: string) {
    this.calls.push(`read ${path}`)
    return super.readText(path)
  }
}

async function setUp(test: TestContext, names: readonly string[]) {
  const root = await makeServices(Object.fromEntries(names.map(name => [`${name}/service.json`, {}])), test)
  const registry = new ModelRegistry({ files: new FolderRepositoryFiles(root), now: () => new Date() })
  for (const name of names) await registry.register(name, { files: { 'model.onnx': bytes(`model of ${name}`) } })
  const local = await mkdtemp(join(tmpdir(), 'copies-'))
  test.onTestFinished(() => rm(local, { recursive: true, force: true }))
  const files = new ObservedFiles(root)
  const store = new RemoteModelStore({
    files,
    cache: new FileCache({ folder: join(local, 'files'), maxBytes: 1e9, log: () => {} }),
    folder: join(local, 'opened'),
    reading: { openFolder: folder => new FolderModelStore(folder), parseDefinition },
  })
  return { root, registry, files, store }
}

describe('RemoteModelStore', () => {
  it('opens services with one listing for all, and two small reads for each; a model is read when it is fetched', async test => {
    const { files, store } = await setUp(test, ['churn', 'fraud'])
    const [, names] = await Promise.all([store.readFiles(), store.listServices()])
    assert.deepEqual(names, ['churn', 'fraud'])
    const specs = await Promise.all(names.map(name => store.openService(name)))
    assert.deepEqual(files.calls.toSorted(), [
      'list *',
      'read churn/1/version.json',
      'read churn/service.json',
      'read fraud/1/version.json',
      'read fraud/service.json',
    ])
    const [churn] = specs
    assert.ok(churn)
    await Promise.all([store.fetch(churn), store.fetch(churn)])
    assert.deepEqual(files.calls.slice(5), ['read churn/1/model.onnx'])
    assert.equal(await readFile(churn.models[0]?.path ?? '', 'utf8'), 'model of churn')
  })

  it('opens a service as it is, not as it was listed', async test => {
    const { root, registry, store } = await setUp(test, ['churn'])
    await store.listServices()
    await registry.register('churn', { files: { 'model.onnx': bytes('two') } })
    await writeFile(join(root, 'churn/service.json'), '{"description": "changed"}')
    const { version, definition } = await store.openService('churn')
    assert.deepEqual([version, definition.description], ['2', 'changed'])
    await registry.register('churn', { files: { 'model.onnx': bytes('three') } })
    assert.equal((await store.openService('churn')).version, '3')
  })
})
