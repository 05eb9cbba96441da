/** The Open Inference Protocol V2, spoken by clients that nobody here wrote. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { encodeDatatype } from '../../src/protocols/open-inference/datatypes.ts'
import { type Dtype, typedArrays } from '../../src/tensor/dtype.ts'
import { writeModel } from '../support/onnx-writer.ts'
import { pythonWith } from '../support/python.ts'
import { type RunningApp, runApp } from '../support/running-app.ts'
import { run } from './tools.ts'

const source = (path: string) => join(import.meta.dirname, 'python', path)
const fixture = (path: string) => join(import.meta.dirname, '../fixtures/cases/sk_logistic_default', path)

/** Sums and differences, as the model `simple` of Triton's examples. */
const simple = writeModel({
  nodes: [
    { op: 'Add', inputs: ['INPUT0', 'INPUT1'], outputs: ['OUTPUT0'] },
    { op: 'Sub', inputs: ['INPUT0', 'INPUT1'], outputs: ['OUTPUT1'] },
  ],
  inputs: ['INPUT0', 'INPUT1'].map(name => [name, 'int32', ['n', 16]] as const),
  outputs: ['OUTPUT0', 'OUTPUT1'].map(name => [name, 'int32', ['n', 16]] as const),
})

const types = Object.keys(typedArrays) as Dtype[]
const everyType = writeModel({
  nodes: types.map(encodeDatatype).map(name => ({ op: 'Identity', inputs: [name], outputs: [`of-${name}`] })),
  inputs: types.map(dtype => [encodeDatatype(dtype), dtype, ['n', 2]] as const),
  outputs: types.map(dtype => [`of-${encodeDatatype(dtype)}`, dtype, ['n', 2]] as const),
})

interface Case {
  readonly inputs: { readonly X: { readonly values: number[][] } }
  readonly python_onnxruntime: {
    readonly values: readonly [labels: { values: number[] }, probabilities: Record<string, number>[]]
  }
}

describe('the Open Inference Protocol V2 over REST', () => {
  const cleanUps: (() => unknown)[] = []
  let folder: string
  let app: RunningApp
  let keys: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'open-inference-'))
    cleanUps.push(() => rm(folder, { recursive: true, force: true }))
    app = await runApp(
      { onTestFinished: each => cleanUps.push(each as () => unknown) },
      {
        'simple/service.json': {},
        'simple/1/model.onnx': simple,
        'every-type/service.json': {},
        'every-type/1/model.onnx': everyType,
        'logistic/service.json': {},
        'logistic/1/model.onnx': await readFile(fixture('model.onnx')),
        'raw/service.json': { entryScript: 'score.js' },
        'raw/score.js': 'export const init = () => {}\nexport const run = text => text',
      },
    )
    await app.settled()
    const names = ['simple', 'every-type', 'logistic', 'raw']
    const entries = names.map(async name => [name, await app.keyOf(name)] as const)
    keys = JSON.stringify(Object.fromEntries(await Promise.all(entries)))
    const { inputs, python_onnxruntime } = JSON.parse(await readFile(fixture('case.json'), 'utf8')) as Case
    const [labels, probabilities] = python_onnxruntime.values
    const expected = { rows: inputs.X.values, labels: labels.values, probabilities: probabilities.map(Object.values) }
    await writeFile(join(folder, 'case.json'), JSON.stringify(expected))
  })
  afterAll(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp()
  })

  it("answers Triton's client as Triton does", { timeout: 240_000 }, async test => {
    const tool = await pythonWith(source('triton-requirements.txt'))
    if ('missing' in tool) return test.skip(tool.missing)
    const called = await run(tool.python, source('infer_triton.py'), app.url, keys, join(folder, 'case.json'))
    assert.deepEqual([called.stderr, called.code], ['', 0])
    assert.equal(called.stdout.trim(), '202')
  })

  it("answers KServe's client", { timeout: 240_000 }, async test => {
    const tool = await pythonWith(source('kserve-requirements.txt'), '--no-deps')
    if ('missing' in tool) return test.skip(tool.missing)
    const called = await run(tool.python, source('infer_kserve.py'), app.url, await app.keyOf('simple'))
    assert.deepEqual([called.stderr, called.stdout.trim()], ['', 'ok'])
  })
})
