/** What the registry does in every repository: a folder, Azure's clients over Azurite, and the double of blob storage. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, it } from 'vitest'
import { BlobRepositoryFiles } from '../../src/adapters/azure/blob-repository-files.ts'
import { connectStorage } from '../../src/adapters/azure/storage.ts'
import { FolderRepositoryFiles } from '../../src/adapters/local/folder-repository-files.ts'
import { ModelRegistry } from '../../src/models/repository/model-registry.ts'
import { FileChanged, type RepositoryFiles } from '../../src/models/repository/repository-files.ts'
import { ServiceRegistry } from '../../src/models/repository/service-registry.ts'
import { startStorage } from '../support/azurite-storage.ts'
import { gatherText as textOf } from '../support/gather.ts'
import { MemoryBlobStore } from '../support/memory-blob-store.ts'

const cleanUps: (() => unknown)[] = []
afterAll(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp()
})
const cleaner = { onTestFinished: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) }

let count = 0
let azurite: Promise<string> | undefined
const repositories: Record<string, () => Promise<RepositoryFiles>> = {
  'a folder': async () => {
    const root = await mkdtemp(join(tmpdir(), 'repository-'))
    cleaner.onTestFinished(() => rm(root, { recursive: true, force: true }))
    return new FolderRepositoryFiles(join(root, 'models'))
  },
  Azurite: async () => {
    azurite ??= startStorage(cleaner)
    const { blobs } = await connectStorage({ connectionString: await azurite })
    return new BlobRepositoryFiles({ blobs, container: 'models', prefix: `${count++}/`, location: 'https://a/models' })
  },
  'the double': async () =>
    new BlobRepositoryFiles({ blobs: new MemoryBlobStore(), container: 'models', prefix: '', location: 'https://a' }),
}

const bytes = (text: string) => new TextEncoder().encode(text)
const sha256 = (content: string | Uint8Array) => createHash('sha256').update(content).digest('hex')
const at = new Date('2026-11-29T08:00:00Z')

for (const [kind, open] of Object.entries(repositories)) {
  describe(`ModelRegistry in ${kind}`, () => {
    const openRegistry = async () => {
      const files = await open()
      return { files, registry: new ModelRegistry({ files, now: () => at }) }
    }

    it('registers versions that count up, with what was said of them', async () => {
      const { files, registry } = await openRegistry()
      assert.deepEqual(await registry.list(), [])
      const first = await registry.register('churn', {
        files: { 'model.onnx': bytes('one'), 'weights/a.bin': bytes('') },
        tags: { team: 'risk' },
        properties: { auc: '0.91' },
        description: 'a try',
      })
      const expected = {
        name: 'churn',
        version: 1,
        createdAt: '2026-11-29T08:00:00.000Z',
        description: 'a try',
        tags: { team: 'risk' },
        properties: { auc: '0.91' },
        files: [
          { path: 'model.onnx', bytes: 3, sha256: sha256('one') },
          { path: 'weights/a.bin', bytes: 0, sha256: sha256('') },
        ],
      }
      assert.deepEqual(first, expected)
      const second = await registry.register('churn', { files: { 'model.onnx': bytes('two') } })
      assert.equal(second.version, 2)
      const withoutDeletion = (model: object | undefined) => JSON.parse(JSON.stringify(model))
      assert.deepEqual(withoutDeletion(await registry.get('churn', 1)), expected)
      assert.equal((await registry.get('churn'))?.version, 2)
      assert.equal(await registry.get('churn', 3), undefined)
      assert.equal(await registry.get('other'), undefined)
      assert.equal(await textOf(registry.read(second, 'model.onnx')), 'two')
      assert.deepEqual(
        [...(await files.list('churn/1/')).keys()],
        ['churn/1/model.onnx', 'churn/1/version.json', 'churn/1/weights/a.bin'],
      )
    })

    it('gives each of many that register at once a number of its own', async () => {
      const { registry } = await openRegistry()
      const models = await Promise.all(
        Array.from({ length: 8 }, (_, index) =>
          registry.register('churn', { files: { 'model.onnx': bytes(`content ${index}`) } }),
        ),
      )
      const versions = models.map(({ version }) => version)
      assert.deepEqual([...new Set(versions)].sort(), versions.toSorted())
      for (const [index, model] of models.entries())
        assert.equal(await textOf(registry.read(model, 'model.onnx')), `content ${index}`)
    })

    it('lists by name, newest, tags and properties', async () => {
      const { registry } = await openRegistry()
      await registry.register('b', { files: { x: bytes('1') }, tags: { team: 'risk' } })
      await registry.register('a', { files: { x: bytes('2') }, properties: { kind: 'tree' } })
      await registry.register('b', { files: { x: bytes('3') } })
      const ids = async (filter?: Parameters<typeof registry.list>[0]) =>
        (await registry.list(filter)).map(({ name, version }) => `${name}:${version}`)
      assert.deepEqual(await ids(), ['a:1', 'b:1', 'b:2'])
      await registry.register('a-b', { files: { x: bytes('4') } })
      assert.deepEqual(await ids({ isLatest: true }), ['a:1', 'a-b:1', 'b:2'])
      await registry.delete('a-b', 1)
      assert.deepEqual(await ids({ name: 'b' }), ['b:1', 'b:2'])
      assert.deepEqual(await ids({ isLatest: true }), ['a:1', 'b:2'])
      assert.deepEqual(await ids({ tags: { team: 'risk' } }), ['b:1'])
      assert.deepEqual(await ids({ properties: { kind: 'tree' } }), ['a:1'])
    })

    it('changes tags and description, and adds properties', async () => {
      const { registry } = await openRegistry()
      await registry.register('churn', { files: { x: bytes('1') }, tags: { a: '1' }, properties: { p: '1' } })
      await Promise.all([
        registry.update('churn', 1, { tags: { b: '2' } }),
        registry.update('churn', 1, { properties: { q: '2' }, description: 'new' }),
      ])
      const { tags, properties, description } = (await registry.get('churn', 1))!
      assert.deepEqual(
        { tags, properties, description },
        {
          tags: { b: '2' },
          properties: { p: '1', q: '2' },
          description: 'new',
        },
      )
      await assert.rejects(registry.update('churn', 1, { properties: { p: '2' } }), { code: 'PROPERTY_SET' })
      await assert.rejects(registry.update('churn', 7, { tags: {} }), { code: 'VERSION_UNKNOWN' })
    })

    it('deletes a version, and does not use its number again', async () => {
      const { files, registry } = await openRegistry()
      const model = { files: { 'model.onnx': bytes('1') } }
      await registry.register('churn', model)
      await registry.register('churn', model)
      await registry.delete('churn', 2)
      assert.deepEqual(
        (await registry.list()).map(({ version }) => version),
        [1],
      )
      assert.deepEqual([...(await files.list('churn/2/')).keys()], ['churn/2/version.json'])
      assert.equal((await registry.register('churn', model)).version, 3)
      await assert.rejects(registry.delete('churn', 2), { code: 'VERSION_UNKNOWN' })
    })

    it('does not delete what a service serves', async () => {
      const { files, registry } = await openRegistry()
      const services = new ServiceRegistry(files)
      await registry.register('churn', { files: { 'model.onnx': bytes('1') } })
      await services.put('churn', { definition: {} })
      await assert.rejects(registry.delete('churn', 1), {
        code: 'VERSION_IN_USE',
        message: 'churn:1 is used by the service "churn": it has no other version; change or delete the service first',
      })
      await registry.register('churn', { files: { 'model.onnx': bytes('2') } })
      await services.put('churn', { definition: { models: { churn: { path: '1/model.onnx' } } } })
      await assert.rejects(registry.delete('churn', 1), { code: 'VERSION_IN_USE' })
      await registry.delete('churn', 2)
      await services.put('churn', { definition: { deployments: { blue: { version: 1, weight: 100 } } } })
      await assert.rejects(registry.delete('churn', 1), { code: 'VERSION_IN_USE' })
      assert.equal(await services.delete('churn'), true)
      await registry.delete('churn', 1)
    })

    it('refuses what it cannot store, naming it', async () => {
      const { registry } = await openRegistry()
      const files = { x: bytes('1') }
      await assert.rejects(registry.register('../x', { files }), { code: 'NAME_INVALID' })
      await assert.rejects(registry.register('churn', { files: {} }), {
        message: 'files: a model has at least one file',
      })
      for (const path of ['', '/x', 'a//b', '../x', 'a/../b', '.x', 'a\\b', 'c:x', 'x.', 'version.json'])
        await assert.rejects(
          registry.register('churn', { files: { [path]: bytes('') } }),
          { code: 'FILES_INVALID' },
          path,
        )
      await assert.rejects(registry.register('churn', { files: { A: bytes(''), a: bytes('') } }), {
        code: 'FILES_INVALID',
      })
      await assert.rejects(registry.register('churn', { files, sha256: { x: sha256('2') } }), {
        code: 'DIGEST_MISMATCH',
        message: `x has the SHA-256 ${sha256('1')}; expected ${sha256('2')}`,
      })
      await assert.rejects(registry.register('churn', { files, tags: { team: 7 as unknown as string } }), {
        message: 'tags.team: must be a text of 4096 characters at most',
      })
      assert.deepEqual(await registry.list(), [])
      assert.equal((await registry.register('churn', { files, version: 7 })).version, 7)
      await assert.rejects(registry.register('churn', { files, version: 7 }), { code: 'VERSION_EXISTS' })
      await assert.rejects(registry.register('churn', { files, version: 1.5 }), { code: 'VERSION_INVALID' })
    })

    it('stores files of many blocks', async () => {
      const { registry } = await openRegistry()
      const piece = Buffer.alloc(3_000_000, 'abc')
      const content = function* () {
        for (let index = 0; index < 7; index++) yield piece
      }
      const model = await registry.register('large', { files: { 'model.onnx': content } })
      const whole = Buffer.concat([...content()])
      assert.deepEqual(model.files, [{ path: 'model.onnx', bytes: 21_000_000, sha256: sha256(whole) }])
      assert.equal((await textOf(registry.read(model, 'model.onnx'))).length, 21_000_000)
    })

    it('reads only the version of a file that was listed', async () => {
      const files = await open()
      assert.equal(await files.create('a/service.json', () => [bytes('{}')]), true)
      assert.equal(await files.create('a/service.json', () => [bytes('[]')]), false)
      const { version } = (await files.list('a/')).get('a/service.json')!
      assert.equal((await files.readText('a/service.json'))?.version, version)
      assert.equal(await textOf(files.read('a/service.json', version)), '{}')
      assert.equal(await files.replace('a/service.json', '{"a": 1}', version), true)
      assert.equal(await files.replace('a/service.json', '{"a": 2}', version), false)
      await assert.rejects(textOf(files.read('a/service.json', version)), FileChanged)
      await files.remove('a/service.json')
      assert.equal(await files.readText('a/service.json'), undefined)
      assert.deepEqual([...(await files.list('')).keys()], [])
    })
  })

  describe(`ServiceRegistry in ${kind}`, () => {
    it('writes scripts to a folder of their own, and then the definition that names it', async () => {
      const files = await open()
      const services = new ServiceRegistry(files)
      const definition = { entryScript: 'score.ts', schema: { input: 'sample.json' } }
      const scripts = { 'score.ts': 'export const run = 1', 'sample.json': '{}', 'lib/more.ts': 'export const x = 1' }
      const put = await services.put('churn', { definition, files: scripts }, 'absent')
      const [, folder] = /^(code\/[0-9a-f]{16})\/score\.ts$/.exec(String(put.definition.entryScript)) ?? []
      assert.deepEqual(put.definition, {
        entryScript: `${folder}/score.ts`,
        schema: { input: `${folder}/sample.json` },
      })
      assert.deepEqual(await services.get('churn'), put)
      assert.equal(await services.readFile('churn', `${folder}/lib/more.ts`), 'export const x = 1')
      assert.deepEqual(await services.list(), ['churn'])

      await assert.rejects(services.put('churn', { definition }, 'absent'), { code: 'SERVICE_EXISTS' })
      const second = await services.put('churn', { definition, files: { ...scripts, 'score.ts': '2' } }, put.etag)
      await assert.rejects(services.put('churn', { definition }, put.etag), {
        code: 'SERVICE_CHANGED',
        message: 'the service "churn" was changed by another caller since it was read; read it again',
      })
      // Hosts may still load the one before; of the next change it is removed.
      assert.equal(await services.readFile('churn', `${folder}/score.ts`), 'export const run = 1')
      await services.put('churn', { definition: second.definition })
      assert.equal(await services.readFile('churn', `${folder}/score.ts`), undefined)
      assert.equal(await services.readFile('churn', String(second.definition.entryScript)), '2')

      assert.equal(await services.delete('churn'), true)
      assert.equal(await services.delete('churn'), false)
      assert.equal(await services.get('churn'), undefined)
      assert.deepEqual([...(await files.list('')).keys()], [])
    })

    it('refuses names that no service has', async () => {
      const services = new ServiceRegistry(await open())
      await assert.rejects(services.put('My_Model', { definition: {} }), { code: 'NAME_INVALID' })
    })
  })
}

describe('a folder that people fill by hand', () => {
  it('has versions without records', async () => {
    const files = await repositories['a folder']!()
    await mkdir(join(files.location, 'iris', '4'), { recursive: true })
    await writeFile(join(files.location, 'iris', '4', 'model.onnx'), 'four')
    const registry = new ModelRegistry({ files, now: () => at })
    assert.deepEqual(await registry.list(), [
      {
        name: 'iris',
        version: 4,
        createdAt: undefined,
        description: '',
        tags: {},
        properties: {},
        files: [{ path: 'model.onnx', bytes: 4 }],
      },
    ])
    assert.equal((await registry.register('iris', { files: { 'model.onnx': bytes('five') } })).version, 5)
    await registry.delete('iris', 4)
    assert.deepEqual((await readdir(join(files.location, 'iris', '4'))).sort(), ['version.json'])
  })
})
