import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'vitest'
import { FolderModelStore } from '../../src/adapters/local/folder-model-store.ts'
import { FolderServiceFiles } from '../../src/adapters/local/folder-service-files.ts'
import { ModelDigests } from '../../src/jobs/score/model-digest.ts'
import { identityModel } from '../support/onnx-writer.ts'
import { makeServices } from '../support/service-folder.ts'

const files = {
  'tiny/service.json': { entryScript: 'score.ts' },
  'tiny/score.ts': "import './lib/help.ts'",
  'tiny/lib/help.ts': 'export const one = 1',
  'tiny/1/model.onnx': 'old',
  'tiny/2/model.onnx': identityModel('float32'),
  'tiny/2/model.onnx.data': 'weights',
  'tiny/swagger.json': {},
  'tiny/.editor/state': 'x',
}

async function open(test: TestContext) {
  const root = await makeServices(files, test)
  const spec = await new FolderModelStore(root).openService('tiny')
  const all = new FolderServiceFiles(root)
  return { root, spec, digest: () => new ModelDigests(all).readDigest({ spec }), list: () => all.list(spec) }
}

describe('FolderServiceFiles', () => {
  it('lists definition, scripts and what they import, and the version that is used', async test => {
    const { list } = await open(test)
    assert.deepEqual(await list(), ['2/model.onnx', '2/model.onnx.data', 'lib/help.ts', 'score.ts', 'service.json'])
  })
})

describe('ModelDigests', () => {
  it('gives another digest when a file that decides about answers changes, and the same for the others', async test => {
    const { root, digest } = await open(test)
    const first = await digest()
    assert.match(first, /^[0-9a-f]{64}$/)
    await writeFile(join(root, 'tiny/swagger.json'), '{"openapi": "3.0.3"}')
    await writeFile(join(root, 'tiny/1/model.onnx'), 'older')
    assert.equal(await digest(), first)
    await writeFile(join(root, 'tiny/lib/help.ts'), 'export const one = 2')
    assert.notEqual(await digest(), first)
  })

  it('computes the digest of a service once, and anew for the service that replaces it', async test => {
    const { root, spec } = await open(test)
    const digests = new ModelDigests(new FolderServiceFiles(root))
    const first = await digests.readDigest({ spec })
    await writeFile(join(root, 'tiny/lib/help.ts'), 'export const one = 2')
    assert.equal(await digests.readDigest({ spec }), first)
    const replaced = await new FolderModelStore(root).openService('tiny')
    assert.notEqual(await digests.readDigest({ spec: replaced }), first)
  })

  it('does not know a service that could not be opened', async () => {
    const digests = new ModelDigests(new FolderServiceFiles('/nowhere'))
    await assert.rejects(digests.readDigest({ spec: undefined }), { code: 'SERVICE_UNKNOWN' })
  })
})
