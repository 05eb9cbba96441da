import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'vitest'
import { FolderRepositoryFiles } from '../../src/adapters/local/folder-repository-files.ts'
import type { Model } from '../../src/client/model.ts'
import { ModelRegistry } from '../../src/models/repository/model-registry.ts'
import { placeModels } from '../../src/workspace/placed-models.ts'

async function openRegistry(test: TestContext) {
  const root = await mkdtemp(join(tmpdir(), 'placed-'))
  test.onTestFinished(() => rm(root, { recursive: true, maxRetries: 9 }))
  const registry = new ModelRegistry({ files: new FolderRepositoryFiles(root), now: () => new Date() })
  const register = async (name: string, ...paths: string[]) => {
    const files = Object.fromEntries(paths.map(path => [path, new TextEncoder().encode(path)]))
    const record = await registry.register(name, { files })
    return { name, version: record.version, id: `${name}:${record.version}`, record } as Model
  }
  return { registry, register }
}

describe('placeModels', () => {
  it('calls a model by its name, and files of one that has several by theirs', async test => {
    const { registry, register } = await openRegistry(test)
    const [one, two] = [await register('text', 'encode.onnx', 'score.onnx'), await register('image', 'model.onnx')]
    const placed = await placeModels({ registry, source: registry }, 'both', [one, two])
    assert.deepEqual(
      Object.entries(placed).map(([name, { path }]) => [name, path]),
      [
        ['encode', '1/text/1/encode.onnx'],
        ['score', '1/text/1/score.onnx'],
        ['image', '1/image/1/model.onnx'],
      ],
    )
  })

  it('refuses models that a script could not tell apart', async test => {
    const { registry, register } = await openRegistry(test)
    const first = await register('iris', 'model.onnx')
    const second = await register('iris', 'model.onnx')
    await assert.rejects(placeModels({ registry, source: registry }, 'both', [first, second]), {
      name: 'WorkspaceError',
      message: /^models: iris\/1\/model\.onnx and iris\/2\/model\.onnx are both called "iris"/,
    })
    assert.deepEqual(await registry.list({ name: 'both' }), [])
    const twice = await register('twice', 'a/model.onnx', 'b/model.onnx')
    await assert.rejects(placeModels({ registry, source: registry }, 'twice', [twice]), {
      message: /are both called "model"/,
    })
  })
})
