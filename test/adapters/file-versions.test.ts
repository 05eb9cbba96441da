import assert from 'node:assert/strict'
import { appendFile, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { readFileVersions } from '../../src/adapters/local/file-versions.ts'
import { FolderModelStore } from '../../src/adapters/local/folder-model-store.ts'
import { makeServices } from '../support/service-folder.ts'

const files = { 'sut/service.json': {}, 'sut/score.ts': 'run', 'sut/1/model.onnx': 'model', 'shared/text.ts': 'text' }

describe('readFileVersions', () => {
  it('gives a file another version when its size or its time changes, and the others the same', async test => {
    const root = await makeServices(files, test)
    const first = await readFileVersions(root)
    assert.deepEqual([...first.keys()].sort(), Object.keys(files).sort())
    await appendFile(join(root, 'sut/score.ts'), ' more')
    await utimes(join(root, 'sut/1/model.onnx'), new Date(), new Date(0))
    const second = await readFileVersions(root)
    const changed = [...second].filter(([path, version]) => first.get(path) !== version).map(([path]) => path)
    assert.deepEqual(changed.sort(), ['sut/1/model.onnx', 'sut/score.ts'])
  })

  it('follows links, also those that form a circle', async test => {
    const root = await makeServices({ 'store/a/model.onnx': 'a', 'sut/service.json': {} }, test)
    await symlink(join(root, 'store/a'), join(root, 'sut/1'))
    await symlink(join(root, 'sut'), join(root, 'sut/self'))
    await symlink(join(root, 'nothing'), join(root, 'sut/dangling'))
    const versions = await readFileVersions(root)
    assert.equal(versions.get('sut/1/model.onnx'), versions.get('store/a/model.onnx'))
    assert.ok(!versions.has('sut/dangling'))
    await writeFile(join(root, 'store/a/model.onnx'), 'another')
    assert.notEqual((await readFileVersions(root)).get('sut/1/model.onnx'), versions.get('sut/1/model.onnx'))
  })

  const leftOut = [
    ...['.DS_Store', '.git/HEAD', '.score.ts.swp', 'score.ts~', '#score.ts#', '4913', 'model.onnx.part'],
    ...['node_modules/left-pad/index.js', '__pycache__/train.pyc', 'score.ts.tmp'],
  ]
  it.each(leftOut)('leaves out %s', async name => {
    const cleanUps: (() => unknown)[] = []
    const root = await makeServices({ [`sut/${name}`]: '' }, { onTestFinished: cleanUp => void cleanUps.push(cleanUp) })
    assert.deepEqual(await readFileVersions(root), new Map())
    for (const cleanUp of cleanUps) await cleanUp()
  })

  it('throws when the folder cannot be read', async () => {
    await assert.rejects(readFileVersions('/no/such/folder'), /ENOENT/)
  })
})

describe('FolderModelStore', () => {
  it('tells the files of services, which have a service.json, from those that they share', async test => {
    const root = await makeServices(
      { ...files, 'wine/1/model.onnx': 'not a service yet', 'service.schema.json': {}, 'readme.md': '', 'util.ts': '' },
      test,
    )
    const store = new FolderModelStore(root)
    const { services, shared, undefinedServices } = await store.readFiles()
    assert.deepEqual(undefinedServices, new Set(['wine']))
    assert.deepEqual([...services.keys()], ['sut'])
    assert.deepEqual([...(services.get('sut')?.keys() ?? [])].sort(), ['1/model.onnx', 'score.ts', 'service.json'])
    assert.deepEqual([...shared.keys()].sort(), ['shared/text.ts', 'util.ts'])
    await rm(join(root, 'sut/service.json'))
    assert.equal((await store.readFiles()).services.size, 0)
  })
})
