import assert from 'node:assert/strict'
import {
  chmodSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'vitest'
import { encodeModel } from '../../bench/models/onnx-file.ts'
import { makeRoom, openCacheFolder } from '../../src/adapters/model-cache/cache-folder.ts'
import { CacheWriter } from '../../src/adapters/model-cache/cache-writer.ts'
import { CachedModels } from '../../src/adapters/model-cache/cached-models.ts'
import { fingerprintOf, rememberedFingerprint } from '../../src/adapters/model-cache/file-fingerprint.ts'
import { optimizeModel } from '../../src/adapters/model-cache/optimize-model.ts'
import { loadOnnxModel } from '../../src/adapters/onnxruntime/load-onnx-model.ts'
import { ServiceDefinition } from '../../src/models/definition/definition.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
import { caseFeeds, readCase } from '../support/case-models.ts'
import { identityModel } from '../support/onnx-writer.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { makeServices } from '../support/service-folder.ts'
import { skipFor } from '../support/skip-for.ts'

const digits = 'models/digits/1/model.onnx'
const { accelerator } = ServiceDefinition.parse({})
const maxBytes = 2 ** 30
/** Also the small models of these tests. */
const leastBytes = 0

/** Two convolutions whose weights the runtime lays out anew for the processor, and an open axis with a name. */
function convolutions(seed: number, pads = [1, 1, 1, 1]): Buffer {
  const random = seededRandom(seed)
  const weights = (name: string, shape: number[]) => {
    const data = Float32Array.from({ length: shape.reduce((all, size) => all * size, 1) }, () => random() - 0.5)
    return { name, shape, data }
  }
  const same = { kernel_shape: [3, 3], ...(pads.length > 0 && { pads }) }
  return Buffer.concat(
    encodeModel({
      name: 'convolutions',
      nodes: [
        { type: 'Conv', inputs: ['image', 'first.weight', 'first.bias'], output: 'first', attributes: same },
        { type: 'Relu', inputs: ['first'], output: 'active' },
        { type: 'Conv', inputs: ['active', 'second.weight'], output: 'scores', attributes: same },
      ],
      weights: [
        weights('first.weight', [32, 3, 3, 3]),
        weights('first.bias', [32]),
        weights('second.weight', [16, 32, 3, 3]),
      ],
      input: { name: 'image', shape: ['batch', 3, 'height', 20] },
      output: { name: 'scores', shape: ['batch', 16, 'height', 20] },
    }),
  )
}

async function makeCache(test: TestContext, model: Buffer = convolutions(1)) {
  const root = await makeServices({ 'model.onnx': model }, test)
  const folder = join(root, 'cache')
  openCacheFolder(folder)
  const path = join(root, 'model.onnx')
  return { folder, path, limits: { folder, maxBytes } }
}

async function load(path: string, folder?: string, sha256?: string) {
  const cached = new CachedModels(folder, leastBytes)
  const session = await loadOnnxModel({ name: 'm', path, sha256 }, accelerator, cached)
  return { session, isHit: folder !== undefined && cached.missing.length === 0 }
}

const entriesIn = (folder: string) => readdirSync(folder).filter(name => !name.includes('.'))
const fileIn = (folder: string, name: string) => join(folder, entriesIn(folder)[0] as string, name)

describe('a model from the local cache', () => {
  it('is the edited one, where the graph had to be: classes, names and defaults stay', async test => {
    const models = [
      readCase('cases', 'sk_logistic_default'),
      readCase('cases', 'shape_default_given'),
      readCase('served', 'sk_several_targets'),
      readCase('served', 'odd_output'),
    ]
    for (const model of models) {
      const { folder, path, limits } = await makeCache(test, model.bytes)
      assert.equal(await optimizeModel({ path, accelerator }, limits), 'is kept', model.name)
      const plain = (await load(path)).session
      const { session: kept, isHit } = await load(path, folder)
      assert.ok(isHit, model.name)
      assert.deepEqual(
        [kept.inputs, kept.optionalInputs, kept.outputs],
        [plain.inputs, plain.optionalInputs, plain.outputs],
      )
      const feeds = caseFeeds(model)
      assert.deepEqual(await kept.run(feeds), await plain.run(feeds))
    }
  })

  const image = Tensor.from('float32', [
    Array.from({ length: 3 }, (_, c) =>
      Array.from({ length: 7 }, (_, y) => Array.from({ length: 20 }, (_, x) => Math.sin(c * 999 + y * 20 + x))),
    ),
  ])
  const digit = Tensor.from('float32', [
    Array.from({ length: 8 }, (_, y) => Array.from({ length: 8 }, (_, x) => (x * y) % 17)),
  ])
  for (const [name, model, row] of [
    ['digits', readFileSync(digits), digit],
    ['two convolutions', convolutions(1), image],
  ] as const) {
    it(`of ${name} answers to the bit as the model itself, with the same inputs and outputs`, async test => {
      const { folder, path, limits } = await makeCache(test, model)
      assert.equal((await load(path, folder)).isHit, false)
      assert.equal(await optimizeModel({ path, accelerator }, limits), 'is kept')
      const [plain, cached] = [await load(path), await load(path, folder)]
      assert.equal(cached.isHit, true)
      assert.deepEqual(cached.session.inputs, plain.session.inputs)
      assert.deepEqual(cached.session.outputs, plain.session.outputs)
      const input = plain.session.inputs[0]?.name as string
      assert.deepEqual(await cached.session.run({ [input]: row }), await plain.session.run({ [input]: row }))
      await plain.session.release()
      await cached.session.release()
    })
  }

  it('is still checked against the digest in service.json', async test => {
    const { folder, path, limits } = await makeCache(test)
    const { sha256 } = fingerprintOf(path)
    await optimizeModel({ path, accelerator }, limits)
    assert.equal((await load(path, folder, sha256.toUpperCase())).isHit, true)
    writeFileSync(path, convolutions(2))
    await assert.rejects(load(path, folder, sha256), /the file's SHA-256 is/)
  })

  it('is not taken for a file that was replaced, by one of the same size and time', async test => {
    const { folder, path, limits } = await makeCache(test)
    const { atime, mtime } = statSync(path)
    await optimizeModel({ path, accelerator }, limits)
    writeFileSync(path, convolutions(2))
    utimesSync(path, atime, mtime)
    assert.equal((await load(path, folder)).isHit, false)
  })

  it('is not taken for another level of optimization', async test => {
    const { folder, path, limits } = await makeCache(test)
    await optimizeModel({ path, accelerator }, limits)
    const cached = new CachedModels(folder, leastBytes)
    const basic = { ...accelerator, graphOptimization: 'basic' } as const
    await loadOnnxModel({ name: 'm', path, sha256: undefined }, basic, cached)
    assert.deepEqual(cached.missing, [{ path, accelerator: basic }])
  })

  const damages: Record<string, (folder: string) => void> = {
    'is cut short': folder => truncateSync(fileIn(folder, 'weights.bin'), 1000),
    'has another byte in its weights': folder => flip(fileIn(folder, 'weights.bin'), 5000),
    'has another byte in its graph': folder => flip(fileIn(folder, 'model.onnx'), 40),
    'is a link to elsewhere': folder => {
      const path = fileIn(folder, 'weights.bin')
      renameSync(path, `${folder}.elsewhere`)
      symlinkSync(`${folder}.elsewhere`, path)
    },
    'is described by null': folder => writeFileSync(fileIn(folder, 'entry.json'), 'null'),
    'lost its description': folder => truncateSync(fileIn(folder, 'entry.json'), 0),
    'is of another runtime': folder => {
      const path = fileIn(folder, 'entry.json')
      writeFileSync(path, readFileSync(path, 'utf8').replace('onnxruntime 1.', 'onnxruntime 0.'))
    },
  }
  for (const [what, damage] of Object.entries(damages)) {
    it(`that ${what} is noticed, not opened, and replaced`, async test => {
      const { folder, path, limits } = await makeCache(test)
      await optimizeModel({ path, accelerator }, limits)
      damage(folder)
      assert.equal((await load(path, folder)).isHit, false)
      assert.deepEqual(entriesIn(folder), [])
      assert.equal(await optimizeModel({ path, accelerator }, limits), 'is kept')
      assert.equal((await load(path, folder)).isHit, true)
    })
  }
})

describe('the local cache of models', () => {
  it(
    'is refused, not tried for ever, where no folder can be made',
    skipFor(process.platform !== 'linux' && 'needs Linux'),
    () => {
      assert.throws(() => openCacheFolder('/proc/scoring/model-cache'), /ENOENT/)
    },
  )

  it('has one writer at a time, and what two processes write at once is whole', async test => {
    const { folder, path, limits } = await makeCache(test)
    const lines: string[] = []
    const writers = [0, 1].map(() => new CacheWriter(limits, line => lines.push(line), 0))
    await Promise.all(writers.map(writer => writer.offer([{ path, accelerator }])))
    assert.match(lines.join('\n'), /is kept/)
    assert.equal(lines.length, 2)
    assert.equal(entriesIn(folder).length, 1)
    assert.equal((await load(path, folder)).isHit, true)
  })

  it('remembers that a model is not to be kept', async test => {
    // A row of made-up sizes is smaller than the kernel, so what is saved cannot be compared.
    const { folder, path, limits } = await makeCache(test, convolutions(1, []))
    assert.match(await optimizeModel({ path, accelerator }, limits), /^is not kept: made-up rows cannot be scored/)
    const cached = new CachedModels(folder, leastBytes)
    await loadOnnxModel({ name: 'm', path, sha256: undefined }, accelerator, cached)
    assert.deepEqual(cached.missing, [])
  })

  it('leaves small models alone', async test => {
    const { folder, path } = await makeCache(test, identityModel('float32'))
    const cached = new CachedModels(folder)
    await loadOnnxModel({ name: 'm', path, sha256: undefined }, accelerator, cached)
    assert.deepEqual([cached.missing, readdirSync(folder)], [[], []])
  })

  it('tells models whose weights lie in other files, also where the mark is cut in two by reading', async test => {
    const mark = '\n\x08location'
    const at = (place: number) => Buffer.concat([Buffer.alloc(place), Buffer.from(mark), Buffer.alloc(10)])
    const root = await makeServices({ no: Buffer.alloc(300_000), yes: at(100), cut: at(256 * 1024 - 4) }, test)
    const found = ['no', 'yes', 'cut'].map(name => fingerprintOf(join(root, name)).hasExternalData)
    assert.deepEqual(found, [false, true, true])
  })

  it('remembers the digest of a file as long as that stays as it is', async test => {
    const { folder, path } = await makeCache(test, Buffer.from('abc'))
    // FIPS 180-2, appendix B.1
    const digest = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    for (let time = 0; time < 2; time++) assert.equal(rememberedFingerprint(folder, path).sha256, digest)
    writeFileSync(path, 'abd')
    assert.notEqual(rememberedFingerprint(folder, path).sha256, digest)
  })

  it('drops what was used longest ago, and does not start on what cannot fit', async test => {
    const { folder } = await makeCache(test)
    for (const [name, usedAt] of [
      ['old', 1000],
      ['new', 3000],
      ['older', 500],
    ] as const) {
      cpSync('models/diabetes', join(folder, name), { recursive: true })
      writeFileSync(join(folder, name, 'weights'), Buffer.alloc(100_000))
      utimesSync(join(folder, name), usedAt, usedAt)
    }
    assert.equal(makeRoom(folder, 250_000, 100_000), true)
    assert.deepEqual(entriesIn(folder), ['new'])
    assert.equal(makeRoom(folder, 250_000, 300_000), false)
    assert.deepEqual(entriesIn(folder), ['new'])
  })

  it(
    'is refused where other users could write to it, or where it is a link',
    skipFor(!process.geteuid && 'Windows has no modes of files'),
    async test => {
      const { folder } = await makeCache(test)
      chmodSync(folder, 0o770)
      assert.throws(() => openCacheFolder(folder), /is open to other users: it needs mode 0700/)
      chmodSync(folder, 0o700)
      openCacheFolder(folder)
      symlinkSync(folder, `${folder}-link`)
      assert.throws(() => openCacheFolder(`${folder}-link`), /is not a folder/)
      const { geteuid } = process
      test.onTestFinished(() => void Object.assign(process, { geteuid }))
      Object.assign(process, { geteuid: () => 4711 })
      assert.throws(() => openCacheFolder(folder), /belongs to another user/)
    },
  )

  it('that has gone costs nobody anything', async test => {
    const { folder, path } = await makeCache(test)
    const { session } = await load(path, join(folder, 'gone'))
    assert.equal(session.inputs[0]?.name, 'image')
    assert.equal(existsSync(join(folder, 'gone')), false)
  })
})

function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] as number) ^ 1
  writeFileSync(path, bytes)
}
