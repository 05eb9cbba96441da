import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'vitest'
import { FolderModelStore } from '../../src/adapters/local/folder-model-store.ts'
import { FolderServiceFiles } from '../../src/adapters/local/folder-service-files.ts'
import { ModelDigests } from '../../src/jobs/score/model-digest.ts'
import { OpenedFiles } from '../../src/models/repository/opened-files.ts'
import { identityModel } from '../support/onnx-writer.ts'
import { makeServices } from '../support/service-folder.ts'

const files = {
  'tiny/service.json': { entryScript: 'score.ts' },
  'tiny/score.ts': "import './lib/help.ts'",
  'tiny/lib/help.ts': 'export const one = 1',
  'tiny/1/model.onnx': 'old',
  'tiny/2/model.onnx': identityModel('float32'),
  'tiny/2/model.onnx.data': 'weights',
  'tiny/2/version.json': {},
  'tiny/swagger.json': {},
  'tiny/.editor/state': 'x',
  'shared/text.ts': 'export const two = 2',
  'shared/readme.md': '',
  'other/service.json': {},
  'other/score.ts': '',
}

async function open(test: TestContext) {
  const root = await makeServices(files, test)
  const spec = await new FolderModelStore(root).openService('tiny')
  const all = new FolderServiceFiles()
  return {
    root,
    spec,
    digest: () => new ModelDigests(all, randomUUID).readDigest({ spec, files: undefined }),
    list: () => all.list(spec),
  }
}

describe('FolderServiceFiles', () => {
  it('lists definition, scripts and what they import, and the version that is used', async test => {
    const { list } = await open(test)
    assert.deepEqual(await list(), [
      ...['../shared/text.ts', '2/model.onnx', '2/model.onnx.data', 'lib/help.ts', 'score.ts', 'service.json'],
    ])
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
    const second = await digest()
    assert.notEqual(second, first)
    await writeFile(join(root, 'shared/text.ts'), 'export const two = 3')
    assert.notEqual(await digest(), second)
  })

  it('gives a service the same digest with other weights, and another one with another model', async test => {
    const deployed = async (blue: number, description = '') => {
      const deployments = { blue: { version: 1, weight: blue }, green: { version: 2, weight: 100 - blue } }
      const root = await makeServices({ ...files, 'tiny/service.json': { deployments, description } }, test)
      const spec = await new FolderModelStore(root).openService('tiny')
      return new ModelDigests(new FolderServiceFiles(), randomUUID).readDigest({ spec, files: undefined })
    }
    const first = await deployed(90)
    assert.equal(await deployed(60), first)
    assert.notEqual(await deployed(10), first)
    assert.notEqual(await deployed(90, 'another definition'), first)
  })

  it('computes the digest of a service once, and anew for the service that replaces it', async test => {
    const { root, spec } = await open(test)
    const digests = new ModelDigests(new FolderServiceFiles(), randomUUID)
    const first = await digests.readDigest({ spec, files: undefined })
    await writeFile(join(root, 'tiny/lib/help.ts'), 'export const one = 2')
    assert.equal(await digests.readDigest({ spec, files: undefined }), first)
    const replaced = await new FolderModelStore(root).openService('tiny')
    assert.notEqual(await digests.readDigest({ spec: replaced, files: undefined }), first)
  })

  it('gives a service whose files have changed since it was opened a digest of its own', async test => {
    const { root, spec } = await open(test)
    const store = new FolderModelStore(root)
    const readFiles = () => store.readServiceFiles('tiny')
    const openNow = async (of = spec) => ({ spec: { ...of }, files: new OpenedFiles(await readFiles(), readFiles) })
    const digests = new ModelDigests(new FolderServiceFiles(), randomUUID)
    const [unchanged, growing, late] = [await openNow(), await openNow(), await openNow()]
    const first = await digests.readDigest(unchanged)
    assert.equal(await digests.readDigest(growing), first)
    await writeFile(join(root, 'tiny/score.ts'), '// other code')
    assert.equal(await digests.readDigest(unchanged), first, 'nothing was read since')
    const replaced = await digests.readDigest(await openNow(await store.openService('tiny')))
    const ofLate = await digests.readDigest(late) // the files are not those that it has loaded
    await growing.files.verify() // after a further worker has loaded
    assert.equal(new Set([first, replaced, ofLate, await digests.readDigest(growing)]).size, 4)
    assert.equal(await digests.readDigest(late), ofLate)
  })

  it('does not know a service that could not be opened', async () => {
    const digests = new ModelDigests(new FolderServiceFiles(), randomUUID)
    await assert.rejects(digests.readDigest({ spec: undefined, files: undefined }), { code: 'SERVICE_UNKNOWN' })
  })
})
