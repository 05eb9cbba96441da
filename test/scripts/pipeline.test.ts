import assert from 'node:assert/strict'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { loadOnnxModel } from '../../src/adapters/onnxruntime/load-onnx-model.ts'
import { ServiceDefinition } from '../../src/models/definition/definition.ts'
import type { ModelSession } from '../../src/models/session/model-session.ts'
import { feedsBetween } from '../../src/scripts/between-stages.ts'
import { buildPipeline } from '../../src/scripts/pipeline.ts'
import type { PreprocessingPipeline, RowScript, Script } from '../../src/scripts/script.ts'
import { modelStage, scriptStage } from '../../src/scripts/stage.ts'
import { builtInScript } from '../../src/scripts/tensor-script.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
import { writeModel } from '../support/onnx-writer.ts'
import { makeServices } from '../support/service-folder.ts'

const { accelerator } = ServiceDefinition.parse({})
const cleanUps: (() => unknown)[] = []

/** A real model of one operation from `input` to `output`, in rows of two float32. */
async function load(op: string, input: string, output: string, rows: number | string = 'batch'): Promise<ModelSession> {
  const file = writeModel({
    nodes: [{ op, inputs: [input], outputs: [output] }],
    inputs: [[input, 'float32', [rows, 2]]],
    outputs: [[output, 'float32', [rows, 2]]],
  })
  const root = await makeServices({ 'model.onnx': file }, { onTestFinished: cleanUp => void cleanUps.push(cleanUp) })
  return loadOnnxModel({ name: op, path: join(root, 'model.onnx'), sha256: undefined }, accelerator)
}

const rows = (...values: number[][]) => Tensor.from('float32', values)
const valuesOf = (result: unknown) => [...((result as Tensor).data as Float32Array)]

describe('buildPipeline', () => {
  let negate: ModelSession
  let absolute: ModelSession
  let exactlyOne: ModelSession
  let exactlyTwo: ModelSession

  beforeAll(async () => {
    ;[negate, absolute, exactlyOne, exactlyTwo] = await Promise.all([
      load('Neg', 'x', 'negated'),
      load('Abs', 'a', 'size'),
      load('Neg', 'x', 'negated', 1),
      load('Neg', 'x', 'negated', 2),
    ])
  })

  afterAll(() => Promise.all(cleanUps.map(cleanUp => cleanUp())))

  const first = (model: ModelSession): { name: string; script: Script } => ({
    name: 'first',
    script: builtInScript(model),
  })

  it('runs each stage on the output of the one before', async () => {
    const pipeline = buildPipeline(first(negate), [
      scriptStage(
        'shift',
        input => {
          const { data } = input as { data: Tensor }
          return rows(valuesOf(data).map(value => value - 10))
        },
        undefined,
      ),
      modelStage('absolute', absolute, 64),
    ]) as RowScript
    // |-3 - 10| = 13, |4 - 10| = 6
    assert.deepEqual(valuesOf(await pipeline.run({ x: rows([3, -4]) })), [13, 6])
  })

  it('decodes requests by its first stage', () => {
    const pipeline = buildPipeline(first(negate), [modelStage('absolute', absolute, 64)]) as RowScript
    assert.deepEqual(pipeline.inputs, negate.inputs)
    assert.throws(() => pipeline.decode({ data: [[1]] }), { code: 'INPUT_SHAPE_MISMATCH' })
  })

  it('preprocesses requests by a script of any kind', async () => {
    const words: Script = { kind: 'raw', takesHeaders: false, run: text => rows(text.split(',').map(Number)) }
    const pipeline = buildPipeline({ name: 'decode', script: words }, [
      modelStage('negate', negate, 64),
    ]) as PreprocessingPipeline
    const feeds = await pipeline.preprocess('1,2')
    assert.deepEqual(Object.keys(feeds), ['x'])
    assert.deepEqual(valuesOf(await pipeline.run(feeds)), [-1, -2])
  })

  it('returns the same answers in order, whatever the maxRows of its stages', async () => {
    const value = fc.float({ noNaN: true, noDefaultInfinity: true })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(value, value), { minLength: 1, maxLength: 9 }),
        fc.integer({ min: 1, max: 10 }),
        async (given, maxRows) => {
          const pipeline = buildPipeline(first(negate), [
            modelStage('slices', absolute, maxRows),
            modelStage('one at a time', exactlyOne, 64),
          ]) as RowScript
          const expected = given.flat().map(each => Math.fround(-Math.abs(each)))
          assert.deepEqual(
            valuesOf(await pipeline.run({ x: rows(...given) })).map(each => each + 0),
            expected.map(each => each + 0),
          )
        },
      ),
      { numRuns: 60 },
    )
  })

  it('shares runs only if every stage takes any number of rows', () => {
    const hasRowAxis = (stage: ModelSession) =>
      (buildPipeline(first(negate), [modelStage('next', stage, 64)]) as RowScript).hasRowAxis
    assert.equal(hasRowAxis(absolute), true)
    assert.equal(hasRowAxis(exactlyOne), true)
    assert.equal(hasRowAxis(exactlyTwo), false)
  })

  const pipelineSharing = (...stages: Parameters<typeof buildPipeline>[1]) =>
    buildPipeline(first(negate), stages) as RowScript

  it('shares runs only if every model is proven and every script is declared independent', () => {
    const model = modelStage('absolute', absolute, 64)
    const script = (word: boolean | undefined) => scriptStage('shift', input => input, word)
    assert.equal(pipelineSharing(model).sharing.kind, 'shared')
    assert.equal(pipelineSharing(script(true), model, script(true)).sharing.kind, 'shared')
    assert.equal(pipelineSharing(modelStage('one', exactlyOne, 64)).sharing.kind, 'shared')
    for (const word of [undefined, false]) {
      const { sharing } = pipelineSharing(model, script(word))
      assert.ok(sharing.kind === 'alone')
      assert.match(String(sharing.why), /^stage "shift": run\(\) of stage "shift" may combine rows/)
    }
    assert.deepEqual(pipelineSharing(modelStage('two', exactlyTwo, 64)).sharing, {
      kind: 'alone',
      why: 'stage "two" takes a fixed number of rows',
    })
  })

  it('names the stage whose model combines rows, and does not split rows there', async () => {
    const file = writeModel({
      nodes: [
        { op: 'ReduceMax', inputs: ['x'], outputs: ['most'], attributes: { axes: [0], keepdims: 1 } },
        { op: 'Sub', inputs: ['x', 'most'], outputs: ['y'] },
      ],
      inputs: [['x', 'float32', ['batch', 2]]],
      outputs: [['y', 'float32', ['batch', 2]]],
    })
    const root = await makeServices({ 'model.onnx': file }, { onTestFinished: cleanUp => void cleanUps.push(cleanUp) })
    const model = await loadOnnxModel({ name: 'm', path: join(root, 'model.onnx'), sha256: undefined }, accelerator)
    const pipeline = pipelineSharing(modelStage('below', model, 1))
    assert.deepEqual(pipeline.sharing, {
      kind: 'alone',
      why: 'stage "below": the ReduceMax that gives "most" reduces over the axis of the rows',
    })
    // Negated: -1, -5 and -3, of which -1 is the largest.
    assert.deepEqual(valuesOf(await pipeline.run({ x: rows([1, 0], [5, 0], [3, 0]) })), [0, 0, -4, 0, -2, 0])
  })

  it('rejects tensors outside the proof of a model when rows share runs', async () => {
    const file = writeModel({
      nodes: [{ op: 'Mul', inputs: ['a', 'b'], outputs: ['y'] }],
      inputs: [
        ['a', 'float32', ['n', 'k']],
        ['b', 'float32', ['m', 'k']],
      ],
      outputs: [['y', 'float32', ['n', 'k']]],
    })
    const root = await makeServices({ 'model.onnx': file }, { onTestFinished: cleanUp => void cleanUps.push(cleanUp) })
    const model = await loadOnnxModel({ name: 'm', path: join(root, 'model.onnx'), sha256: undefined }, accelerator)
    const run = async (given: Record<string, Tensor>, word: boolean | undefined) =>
      pipelineSharing(
        scriptStage('give', () => given, word),
        modelStage('mul', model, 64),
      ).run({ x: rows([1, 2]) })
    const one = { a: rows([1, 2], [3, 4]), b: rows([2, 2]) }
    await assert.rejects(run(one, true), {
      code: 'STAGE_MISMATCH',
      message:
        'stage "mul" takes the same number of rows for each input, because requests share its runs; in the output of stage "give", "a" has 2 rows, "b" has 1',
    })
    assert.deepEqual(valuesOf(await run(one, undefined)), [2, 4, 6, 8])
    const other = { a: rows([1, 2]), b: rows([3]) }
    await assert.rejects(run(other, true), {
      code: 'STAGE_MISMATCH',
      message: 'stage "mul" takes one size for "k", stage "give" returns 2 and 1',
    })
    assert.deepEqual(valuesOf(await run(other, undefined)), [3, 6])
  })

  it('names the stage that failed, with the error of the script as cause', async () => {
    const thrown = new Error('row 7 of patient Doe')
    const pipeline = buildPipeline(first(negate), [
      scriptStage(
        'featurize',
        () => {
          throw thrown
        },
        undefined,
      ),
    ]) as RowScript
    await assert.rejects(async () => pipeline.run({ x: rows([1, 2]) }), {
      code: 'ENTRY_SCRIPT_FAILED',
      message: 'stage "featurize": An unexpected error occurred in scoring script. Check the logs for more info.',
      cause: thrown,
    })
  })

  it('keeps the code when a script rejects its input, and names the stage', async () => {
    const pipeline = buildPipeline(first(negate), [
      scriptStage('featurize', () => Tensor.from('float32', [[1], [1, 2]]), undefined),
    ]) as RowScript
    await assert.rejects(async () => pipeline.run({ x: rows([1, 2]) }), {
      code: 'INPUT_RAGGED',
      message: /^stage "featurize": /,
    })
  })
})

describe('feedsBetween', () => {
  const named = (...names: string[]) => ({
    name: 'next',
    inputs: names.map(name => ({ name, dtype: 'float32' as const, shape: ['batch', 2] })),
    outputs: undefined,
    takesAnyRowCount: true,
    run: () => undefined,
  })
  const tensor = rows([1, 2])

  it('passes one tensor to one input, whatever their names', () => {
    assert.deepEqual(feedsBetween('before', tensor, named('x')), { x: tensor })
    assert.deepEqual(feedsBetween('before', { other: tensor }, named('x')), { x: tensor })
  })

  it('passes several by name and drops the others', () => {
    assert.deepEqual(feedsBetween('before', { a: tensor, b: tensor, c: tensor }, named('a', 'b')), {
      a: tensor,
      b: tensor,
    })
  })

  it('names both stages on a mismatch', () => {
    const mismatches: [unknown, string[], string][] = [
      [[1, 2], ['x'], 'stage "before" must return a Tensor or an object of Tensors for stage "next"'],
      [undefined, ['x'], 'stage "before" must return a Tensor or an object of Tensors for stage "next"'],
      [{ a: tensor, b: tensor }, ['a', 'c'], 'stage "next" takes "c", stage "before" returns "a", "b"'],
      [{}, ['x'], 'stage "next" takes "x", stage "before" returns nothing'],
      [rows([1, 2, 3]), ['x'], 'stage "next" takes "x" as float32[batch, 2], stage "before" returns float32[1, 3]'],
      [
        Tensor.from('float64', [[1, 2]]),
        ['x'],
        'stage "next" takes "x" as float32[batch, 2], stage "before" returns float64[1, 2]',
      ],
    ]
    for (const [result, names, message] of mismatches) {
      assert.throws(() => feedsBetween('before', result, named(...names)), { code: 'STAGE_MISMATCH', message })
    }
  })
})
