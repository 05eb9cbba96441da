import assert from 'node:assert/strict'
import {
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it, onTestFinished, test } from 'vitest'
import { FolderModelStore } from '../../src/adapters/local/folder-model-store.ts'
import { loadOnnxModel } from '../../src/adapters/onnxruntime/load-onnx-model.ts'
import { ModelFile } from '../../src/adapters/onnxruntime/model-file.ts'
import { OnnxModelSession } from '../../src/adapters/onnxruntime/onnx-model-session.ts'
import { optimizeModel } from '../../src/adapters/onnxruntime/optimize-model.ts'
import { digestFile, type OptimizedRecord } from '../../src/adapters/onnxruntime/optimized-model.ts'
import { ServiceDefinition } from '../../src/models/definition/definition.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
import { caseFeeds, readCase } from '../support/case-models.ts'
import type { Cleaner } from '../support/cleaner.ts'
import { convolutions } from '../support/convolutions.ts'
import { identityModel, writeModel } from '../support/onnx-writer.ts'
import { makeServices } from '../support/service-folder.ts'

const digits = 'models/digits/1/model.onnx'
const { accelerator } = ServiceDefinition.parse({})

async function makeModel(context: Cleaner, bytes: Buffer = convolutions(1)) {
  const folder = await makeServices({ 'model.onnx': bytes }, context)
  return { folder, path: join(folder, 'model.onnx') }
}

const optimize = (path: string, level = accelerator) => optimizeModel({ name: 'm', path, sha256: undefined }, level, 0) // the models of these tests are small
const load = (path: string, sha256?: string, level = accelerator) => loadOnnxModel({ name: 'm', path, sha256 }, level)

async function optimizedFiles(path: string): Promise<readonly string[]> {
  const result = await optimize(path)
  return result.kind === 'written' ? result.files : assert.fail(result.why)
}

/** A row for `convolutions`. */
const image = Tensor.from('float32', [
  Array.from({ length: 3 }, (_, c) =>
    Array.from({ length: 7 }, (_, y) => Array.from({ length: 20 }, (_, x) => Math.sin(c * 999 + y * 20 + x))),
  ),
])
const digit = Tensor.from('float32', [
  Array.from({ length: 8 }, (_, y) => Array.from({ length: 8 }, (_, x) => (x * y) % 17)),
])

describe('optimizeModel', () => {
  it('writes a graph, its weights and a record beside the model, and nothing else', async context => {
    const { folder, path } = await makeModel(context)
    const files = await optimizedFiles(path)
    const [weights, graph, record] = [...files].sort()
    assert.match(weights ?? '', /^model\.optimized-[0-9a-f]{12}\.weights$/)
    assert.deepEqual([graph, record], ['model.optimized.json', 'model.optimized.onnx'])
    assert.deepEqual(readdirSync(folder).sort(), ['model.onnx', ...files].sort())
  })

  it('replaces the files of an earlier run', async context => {
    const { folder, path } = await makeModel(context)
    await optimize(path)
    writeFileSync(path, convolutions(2))
    const files = await optimizedFiles(path)
    assert.deepEqual(readdirSync(folder).sort(), ['model.onnx', ...files].sort())
  })

  it('pins what the graph depends on', async context => {
    const { path } = await makeModel(context)
    await optimize(path)
    const record = readRecord(path)
    assert.deepEqual(
      [record.executionProvider, record.graphOptimization, record.model],
      ['cpu', 'all', { 'model.onnx': digestFile(path) }],
    )
    assert.match(record.onnxRuntime, /^1\.\d+\.\d+$/)
    if (process.platform === 'linux' && process.arch === 'x64') assert.match(record.processor, /^linux x64: .*\bavx/)
  })

  const training = writeModel({
    opsets: { '': 15 },
    nodes: [
      {
        op: 'BatchNormalization',
        inputs: ['x', 'scale', 'bias', 'mean', 'variance'],
        outputs: ['y', 'running mean', 'running variance'],
        attributes: { training_mode: 1 },
      },
    ],
    inputs: [['x', 'float32', ['n', 2]]],
    outputs: [['y', 'float32', ['n', 2]]],
    constants: (['scale', 'bias', 'mean', 'variance'] as const).map((name, index) => ({
      name,
      dtype: 'float32',
      shape: [2],
      values: [index, index + 1],
    })),
  })
  test.each([
    // A row of made-up sizes is smaller than the kernel, so what is saved cannot be compared.
    ['whose made-up row cannot be scored', convolutions(1, { pads: [] }), /^a made-up row cannot be scored/],
    ['in training mode, which the optimizer would break', training, /^it has a node in training mode/],
  ])('leaves a model alone %s', async (_, bytes, why) => {
    const { folder, path } = await makeModel({ onTestFinished }, bytes)
    const result = await optimize(path)
    assert.match(result.kind === 'unchanged' ? result.why : '', why)
    assert.deepEqual(readdirSync(folder), ['model.onnx'])
  })

  it('leaves small models alone, which open as fast, and those that are not to be optimized', async context => {
    const { folder, path } = await makeModel(context, identityModel('float32'))
    const small = await optimizeModel({ name: 'm', path, sha256: undefined }, accelerator)
    assert.match(small.kind === 'unchanged' ? small.why : '', /^it has \d+ bytes, and below 4194304 /)
    const off = await optimize(path, { ...accelerator, graphOptimization: 'disabled' })
    assert.deepEqual(off, { kind: 'unchanged', why: 'accelerator.graphOptimization is "disabled"' })
    assert.deepEqual(readdirSync(folder), ['model.onnx'])
  })
})

describe('loadOnnxModel with an optimized file', () => {
  it('keeps classes, names and defaults where the graph had to be edited', async context => {
    const models = [
      readCase('cases', 'sk_logistic_default'),
      readCase('cases', 'shape_default_given'),
      readCase('served', 'sk_several_targets'),
      readCase('served', 'odd_output'),
    ]
    for (const model of models) {
      const { path } = await makeModel(context, model.bytes)
      const plain = await load(path)
      await optimizedFiles(path)
      const optimized = await load(path)
      assert.ok(optimized.isOptimizedAhead, model.name)
      assert.deepEqual(
        [optimized.inputs, optimized.optionalInputs, optimized.outputs],
        [plain.inputs, plain.optionalInputs, plain.outputs],
      )
      const feeds = caseFeeds(model)
      assert.deepEqual(await optimized.run(feeds), await plain.run(feeds))
    }
  })

  for (const [name, model, row] of [
    ['digits', readFileSync(digits), digit],
    ['two convolutions', convolutions(1), image],
  ] as const) {
    it(`answers to the bit as the model itself, with the same inputs, outputs and proof: ${name}`, async context => {
      const { path } = await makeModel(context, model)
      const plain = await load(path)
      assert.equal(plain.isOptimizedAhead, false)
      await optimizedFiles(path)
      const optimized = await load(path)
      assert.equal(optimized.isOptimizedAhead, true)
      assert.deepEqual(optimized.notes, [])
      assert.deepEqual(optimized.inputs, plain.inputs)
      assert.deepEqual(optimized.outputs, plain.outputs)
      assert.deepEqual(optimized.rowProof, plain.rowProof)
      const input = plain.inputs[0]?.name as string
      assert.deepEqual(await optimized.run({ [input]: row }), await plain.run({ [input]: row }))
      await plain.release()
      await optimized.release()
    })
  }

  it('is used for a model with weights in files of their own, until one of them changes', async context => {
    const { folder, path: whole } = await makeModel(context)
    const path = join(folder, 'parts.onnx')
    const basic = { ...accelerator, graphOptimization: 'basic' } as const
    const file = new ModelFile({ name: 'm', path: whole, sha256: undefined })
    const onCpu = { name: 'cpu', providers: ['cpu'], isStrict: false } as const
    await OnnxModelSession.open(file, onCpu, { accelerator: basic, saveTo: { path, weights: 'parts.data' } })
    const expected = await (await load(path)).run({ image })
    await optimizedFiles(path)
    assert.deepEqual(Object.keys(readRecord(path).model), ['parts.onnx', 'parts.data'])
    const optimized = await load(path)
    assert.equal(optimized.isOptimizedAhead, true)
    assert.deepEqual(await optimized.run({ image }), expected)
    flip(join(folder, 'parts.data'), 2000)
    assert.match(await noteOf(path), /parts\.data was changed after it was made/)
  })

  it('still checks the digest in service.json', async context => {
    const { path } = await makeModel(context)
    const sha256 = digestFile(path)
    await optimizedFiles(path)
    assert.equal((await load(path, sha256.toUpperCase())).isOptimizedAhead, true)
    writeFileSync(path, convolutions(2))
    await assert.rejects(load(path, sha256), /the file's SHA-256 is/)
  })

  it('notices a model that was replaced by one of the same size and time, and answers as that one', async context => {
    const { path } = await makeModel(context)
    const { atime, mtime } = statSync(path)
    await optimizedFiles(path)
    const first = await (await load(path)).run({ image })
    writeFileSync(path, convolutions(2))
    utimesSync(path, atime, mtime)
    assert.equal(
      await noteOf(path),
      'the optimized graph of model "m" is not used: model.onnx was changed after it was made; scoring optimize makes it again',
    )
    const { path: other } = await makeModel(context, convolutions(2))
    const answer = await (await load(path)).run({ image })
    assert.deepEqual(answer, await (await load(other)).run({ image }))
    assert.notDeepEqual(answer, first)
  })

  it('is not used for another level of optimization', async context => {
    const { path } = await makeModel(context)
    await optimizedFiles(path)
    const basic = { ...accelerator, graphOptimization: 'basic' } as const
    const session = await load(path, undefined, basic)
    assert.match(session.notes.join(), /was made with graphOptimization "all", and the model runs with "basic"/)
  })

  const damages: Record<string, [(path: string) => void, RegExp]> = {
    'whose weights are cut short': [path => truncateSync(weightsBeside(path), 1000), /weights has 1000 bytes/],
    'whose weights are gone': [path => rmSync(weightsBeside(path)), /cannot be used \(ENOENT/],
    'with another byte in its graph': [
      path => flip(path.replace('.onnx', '.optimized.onnx'), 40),
      /model\.optimized\.onnx was changed after it was written/,
    ],
    'with the weights of another run': [
      path => {
        const other = convolutions(2)
        writeFileSync(path, other)
        renameSync(weightsBeside(path), weightsBeside(path).replace(/-.{12}\./, '-0123456789ab.'))
        changeRecord(path, record => ({ ...record, model: { 'model.onnx': digestFile(path) } }))
      },
      /cannot be used \(ENOENT/,
    ],
    'whose record is null': [path => writeFileSync(recordBeside(path), 'null'), /cannot be used/],
    'whose record is empty': [path => truncateSync(recordBeside(path), 0), /cannot be used/],
    'of another runtime': [
      path => changeRecord(path, record => ({ ...record, onnxRuntime: '1.2.3' })),
      /was made by ONNX Runtime 1\.2\.3, and this is /,
    ],
    'of another processor': [
      path => changeRecord(path, record => ({ ...record, processor: 'linux x64: avx512f' })),
      /was made for the processor "linux x64: avx512f", and this is "/,
    ],
    'of another version of the app': [
      path => changeRecord(path, record => ({ ...record, format: 0 })),
      /was made by another version of this app/,
    ],
    'that names no graph': [
      path => changeRecord(path, record => ({ ...record, optimized: {} })),
      /its record names no graph/,
    ],
  }
  for (const [what, [damage, note]] of Object.entries(damages)) {
    it(`says why it does not use one ${what}, and uses the next`, async context => {
      const { path } = await makeModel(context)
      await optimizedFiles(path)
      damage(path)
      assert.match(await noteOf(path), note)
      await optimizedFiles(path)
      assert.equal((await load(path)).isOptimizedAhead, true)
    })
  }

  it('checks the weights too where service.json gives a digest of the model', async context => {
    const { path } = await makeModel(context)
    await optimizedFiles(path)
    flip(weightsBeside(path), 5000)
    const session = await load(path, digestFile(path))
    assert.match(session.notes.join(), /weights was changed after it was written/)
  })

  it('opens the model where ONNX Runtime takes no optimized graph that is as it was written', async context => {
    const { path } = await makeModel(context)
    await optimizedFiles(path)
    const graph = path.replace('.onnx', '.optimized.onnx')
    writeFileSync(graph, 'no model')
    changeRecord(path, ({ optimized, ...record }) => ({
      ...record,
      optimized: { ...optimized, 'model.optimized.onnx': { bytes: 8, sha256: digestFile(graph) } },
    }))
    assert.match(await noteOf(path), /ONNX Runtime cannot open it \(.+\)/)
  })
})

describe('FolderModelStore', () => {
  it('takes an optimized file for no second model, and serves a model that is merely called so', async context => {
    const bytes = identityModel('float32')
    const root = await makeServices(
      {
        'both/service.json': {},
        'both/1/model.onnx': bytes,
        'both/1/model.optimized.onnx': bytes,
        'own/service.json': {},
        'own/1/net.optimized.onnx': bytes,
      },
      context,
    )
    const store = new FolderModelStore(root)
    assert.deepEqual(
      (await store.openService('both')).models.map(({ path }) => path),
      [join(root, 'both/1/model.onnx')],
    )
    assert.deepEqual(
      (await store.openService('own')).models.map(({ path }) => path),
      [join(root, 'own/1/net.optimized.onnx')],
    )
  })
})

const recordBeside = (path: string) => path.replace(/\.onnx$/, '.optimized.json')

function readRecord(path: string): OptimizedRecord {
  return JSON.parse(readFileSync(recordBeside(path), 'utf8')) as OptimizedRecord
}

function changeRecord(path: string, change: (record: OptimizedRecord) => OptimizedRecord): void {
  writeFileSync(recordBeside(path), JSON.stringify(change(readRecord(path))))
}

function weightsBeside(path: string): string {
  const name = readdirSync(dirname(path)).find(each => each.endsWith('.weights'))
  return join(dirname(path), name ?? assert.fail('no weights'))
}

/** Loads a model, which must not be from its optimized file. @returns why */
async function noteOf(path: string): Promise<string> {
  const session = await load(path)
  assert.equal(session.isOptimizedAhead, false)
  return session.notes.join('\n')
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] as number) ^ 1
  writeFileSync(path, bytes)
}
