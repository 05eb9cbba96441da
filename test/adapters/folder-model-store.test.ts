import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { FolderModelStore } from '../../src/adapters/local/folder-model-store.ts'
import { makeServices } from '../support/service-folder.ts'

describe('FolderModelStore', () => {
  it('takes every folder with a service.json, and nothing else', async test => {
    const root = await makeServices(
      { 'b/service.json': {}, 'a/service.json': {}, 'c/readme.txt': '', 'service.schema.json': {} },
      test,
    )
    assert.deepEqual(await new FolderModelStore(root).listServices(), ['a', 'b'])
  })

  it('names the folders with a model that lack a service.json', async test => {
    const root = await makeServices(
      {
        'a/service.json': {},
        'a/1/model.onnx': '',
        'wine/2/model.onnx': '',
        'flat/m.onnx': '',
        'other/x/m.onnx': '',
        'readme.txt': '',
      },
      test,
    )
    assert.deepEqual(await new FolderModelStore(root).listUndefined(), ['flat', 'wine'])
  })

  it('counts the files of a registered model to no service, and what scripts may import to all', async test => {
    const root = await makeServices(
      {
        'a/service.json': {},
        'wine/1/version.json': {},
        'wine/1/model.onnx': '',
        'wine/1/model.onnx.data': '',
        'shared/text.ts': '',
        'shared/2/text.ts': '',
        'shared/words.json': {},
      },
      test,
    )
    const { services, shared } = await new FolderModelStore(root).readFiles()
    assert.deepEqual([...services.keys()], ['a'])
    assert.deepEqual([...shared.keys()].sort(), ['shared/2/text.ts', 'shared/text.ts', 'shared/words.json'])
  })

  it('finds the newest version as a number, under the name of the service', async test => {
    const root = await makeServices(
      { 'sut/service.json': {}, 'sut/2/model.onnx': 'two', 'sut/10/model.onnx': 'ten', 'sut/9/model.onnx': 'nine' },
      test,
    )
    const { models, modelDir, version, versions } = await new FolderModelStore(root).openService('sut')
    assert.deepEqual([version, versions], ['10', ['2', '9', '10']])
    assert.deepEqual(models, [{ name: 'sut', path: join(root, 'sut/10/model.onnx'), sha256: undefined }])
    assert.equal(modelDir, join(root, 'sut/10'))
  })

  it('names the version of a model that service.json names, and those that hold a model', async test => {
    const root = await makeServices(
      {
        'sut/service.json': { models: { m: { path: '2/m.onnx' } } },
        'sut/1/m.onnx': '',
        'sut/2/m.onnx': '',
        'sut/3/readme.txt': 'no model yet',
        'sut/4/m.onnx': '',
      },
      test,
    )
    const { version, versions } = await new FolderModelStore(root).openService('sut')
    assert.deepEqual([version, versions], ['2', ['1', '2', '4']])
  })

  it('finds a model beside service.json', async test => {
    const root = await makeServices({ 'sut/service.json': {}, 'sut/ridge.onnx': '' }, test)
    const { models, version } = await new FolderModelStore(root).openService('sut')
    assert.deepEqual([models[0]?.name, version], ['ridge', undefined])
  })

  it('says what is missing or too much', async test => {
    const root = await makeServices(
      {
        'none/service.json': {},
        'two/service.json': {},
        'two/1/a.onnx': '',
        'two/1/b.onnx': '',
        'lost/service.json': { models: { m: { path: '1/m.onnx' } } },
        'script/service.json': { entryScript: 'score.ts' },
        'sample/service.json': { schema: { input: 'sample.json' } },
        'sample/m.onnx': '',
        'Upper/service.json': {},
      },
      test,
    )
    const store = new FolderModelStore(root)
    await assert.rejects(
      store.openService('none'),
      /none: there is no \.onnx file beside service\.json or in a folder with a number as its name, e\.g\. 1\/model\.onnx; there is nothing else$/,
    )
    await assert.rejects(store.openService('two'), /two: 2 \.onnx files in 1\//)
    await assert.rejects(store.openService('lost'), /lost\/service\.json: models\.m\.path: 1\/m\.onnx does not exist/)
    await assert.rejects(store.openService('script'), /script\/service\.json: entryScript: score\.ts does not exist/)
    await assert.rejects(store.openService('sample'), /schema\.input: sample\.json does not exist/)
    await assert.rejects(store.openService('Upper'), /"Upper" is not a valid service name/)
  })

  it('reads the documents that the owner wrote, the first of each version', async test => {
    const root = await makeServices(
      {
        'none/service.json': {},
        'both/service.json': {},
        'both/swagger.json': '{"swagger":  "2.0"}',
        'both/swagger2.json': '{"swagger": "later"}',
        'newer/service.json': {},
        'newer/swagger2.json': '{"two": 2}',
        'newer/swagger3.json': '{"three": 3}',
        'newer/swagger3.1.json': '{"three": 3.1}',
      },
      test,
    )
    const store = new FolderModelStore(root)
    assert.deepEqual(await store.readDocuments('none'), {})
    assert.deepEqual(await store.readDocuments('both'), { 2: '{"swagger":  "2.0"}' })
    assert.deepEqual(await store.readDocuments('newer'), {
      2: '{"two": 2}',
      3: '{"three": 3}',
      '3.1': '{"three": 3.1}',
    })
  })

  it('says which of them is no document', async test => {
    const root = await makeServices(
      {
        'broken/service.json': {},
        'broken/swagger3.json': '{"openapi": ',
        'list/service.json': {},
        'list/swagger.json': '[]',
      },
      test,
    )
    const store = new FolderModelStore(root)
    await assert.rejects(store.readDocuments('broken'), {
      name: 'ServiceLoadError',
      message: /^broken\/swagger3\.json is not JSON: /,
    })
    await assert.rejects(store.readDocuments('list'), /list\/swagger\.json must hold a JSON object/)
  })

  it('names a folder that does not exist', async () => {
    await assert.rejects(new FolderModelStore('/no/such/folder').listServices(), {
      name: 'StartupError',
      message: /: \/no\/such\/folder does not exist$/,
    })
  })
})
