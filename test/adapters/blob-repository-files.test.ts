import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import { BlobRepositoryFiles } from '../../src/adapters/azure/blob-repository-files.ts'
import { MemoryBlobStore } from '../support/memory-blob-store.ts'

describe('BlobRepositoryFiles', () => {
  it('lists what can be a file in a folder: no marks of empty folders, and nothing that lies elsewhere', async () => {
    const blobs = new MemoryBlobStore()
    const names = [
      'iris/',
      'iris/1/model.onnx',
      'iris/.registering',
      'iris/../x',
      '../x',
      'iris//x',
      'iris/..\\x',
      'a/./x',
    ]
    for (const name of names) await blobs.create({ container: 'models', path: `team/${name}` }, '')
    const files = new BlobRepositoryFiles({ blobs, container: 'models', prefix: 'team/', location: 'https://a' })
    assert.deepEqual([...(await files.list('')).keys()].sort(), ['iris/.registering', 'iris/1/model.onnx'])
  })
})
