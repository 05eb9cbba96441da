import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'vitest'
import type { InferenceResult } from '../../../src/scheduling/inference-result.ts'
import type { Dtype } from '../../../src/tensor/dtype.ts'
import { Tensor } from '../../../src/tensor/tensor.ts'
import { codeOf, jsonOf, serve } from '../../support/scoring-scheduler.ts'

const fixtures = join(import.meta.dirname, '../../fixtures/cases')

interface Recorded {
  readonly python_onnxruntime: {
    readonly given: Readonly<Record<string, { readonly values: unknown[] }>>
    readonly outputs: readonly (readonly [name: string, type: string, shape: unknown])[]
    readonly values: readonly { readonly values: unknown }[]
  }
}

/** Serves a model with which Python's onnxruntime scored a request, and sends that request as tensors. */
async function serveRecorded(test: TestContext, name: string) {
  const model = await readFile(join(fixtures, name, 'model.onnx'))
  const served = await serve(test, { 'sut/service.json': {}, 'sut/1/model.onnx': model })
  const recorded = JSON.parse(await readFile(join(fixtures, name, 'case.json'), 'utf8')) as Recorded
  const { given, outputs, values } = recorded.python_onnxruntime
  const inputs = Object.fromEntries(
    served.report.inputs.map(({ name: input, dtype }) => [input, Tensor.from(dtype, given[input]?.values)]),
  )
  return { ...served, inputs, pythons: outputs.map(([output], index) => [output, values[index]?.values] as const) }
}

const diabetes = async (test: TestContext, definition: object = {}) =>
  serve(test, { 'sut/service.json': definition, 'sut/1/model.onnx': await readFile('models/diabetes/1/model.onnx') })
/** The two rows of the published sample, and the scores that Azure ML's tutorial prints for them. */
const rows = [
  [0.0199132141783263, 0.0506801187398187, 0.104808689473925, 0.0700725447072635, -0.0359677812752396],
  [-0.0266789028311707, -0.0249926566315915, -0.00259226199818282, 0.00371173823343597, 0.0403433716478807],
]

function outputsIn(result: InferenceResult): Readonly<Record<string, Tensor>> {
  assert.equal(result.kind, 'tensors', JSON.stringify(result))
  return (result as Extract<InferenceResult, { kind: 'tensors' }>).outputs
}

describe('tensorCodec', () => {
  it.for([
    'sk_columns_nozipmap',
    'cross_string_last_to_all',
    'cross_uint8_image_stretch',
    'shape_query_against_documents',
  ])('scores tensors as Python’s onnxruntime does: %s', async (name, test) => {
    const { sendTensors, inputs, pythons } = await serveRecorded(test, name)
    const outputs = outputsIn(await sendTensors(inputs))
    for (const [output, values] of pythons) {
      const tensor = outputs[output]
      assert.ok(tensor instanceof Tensor, output)
      assertClose(tensor.toList(), values)
    }
  })

  it('shares runs with requests that came as JSON, and gives each caller its own rows', async test => {
    const { send, sendTensors, report } = await diabetes(test)
    assert.equal(report.isBatchable, true)
    const [input] = report.inputs
    const row = (index: number) => Array.from({ length: 10 }, (_, column) => ((index * 7 + column * 3) % 11) / 100)
    const alone: string[] = []
    for (let index = 0; index < 24; index++) alone.push(jsonOf(await send({ data: [row(index)] })))
    const together = await Promise.all(
      Array.from({ length: 24 }, (_, index) =>
        index % 2 === 0
          ? send({ data: [row(index)] })
          : sendTensors({ [input?.name as string]: Tensor.from(input?.dtype as Dtype, [row(index)]) }),
      ),
    )
    for (const [index, result] of together.entries()) {
      const text = result.kind === 'encoded' ? result.body : JSON.stringify(Object.values(outputsIn(result))[0])
      assertClose(JSON.parse(text).flat(), JSON.parse(alone[index] as string).flat())
    }
  })

  it('is sent slices of a long request and has all rows in order', async test => {
    const { sendTensors, report } = await diabetes(test, { batching: { maxRows: 16 } })
    const [input] = report.inputs as unknown as readonly [{ name: string; dtype: Dtype }]
    const many = Array.from({ length: 500 }, (_, index) => Array.from({ length: 10 }, () => index / 1000))
    const [whole] = Object.values(outputsIn(await sendTensors({ [input.name]: Tensor.from(input.dtype, many) })))
    const list = (whole as Tensor).toList() as number[]
    assert.equal(list.flat().length, 500)
    const [last] = Object.values(
      outputsIn(await sendTensors({ [input.name]: Tensor.from(input.dtype, many.slice(-1)) })),
    )
    assertClose(list.flat().at(-1), ((last as Tensor).toList() as number[]).flat()[0])
  })

  it('names the input that is wrong: missing, unknown, of another type or shape, without a row', async test => {
    const { sendTensors, report } = await diabetes(test)
    const [input] = report.inputs as unknown as readonly [{ name: string; dtype: Dtype }]
    const right = Tensor.from(input.dtype, [rows[0]?.concat(rows[1] as number[])])
    const refused = async (tensors: Record<string, Tensor>) => {
      const result = await sendTensors(tensors)
      assert.match(
        (result as { message: string }).message,
        new RegExp(`"${Object.keys(tensors).at(-1) ?? input.name}"`),
      )
      return codeOf(result)
    }
    assert.equal(await refused({}), 'INPUT_MISSING')
    assert.equal(await refused({ [input.name]: right, more: right }), 'INPUT_UNKNOWN')
    assert.equal(await refused({ [input.name]: Tensor.from('int64', [[1, 2]]) }), 'INPUT_TYPE_MISMATCH')
    assert.equal(await refused({ [input.name]: Tensor.from(input.dtype, [[1, 2]]) }), 'INPUT_SHAPE_MISMATCH')
    const none = new Tensor(input.dtype, input.dtype === 'float32' ? new Float32Array() : new Float64Array(), [0, 10])
    assert.equal(await refused({ [input.name]: none }), 'INPUT_SHAPE_MISMATCH')
    assert.equal((await sendTensors({ [input.name]: right })).kind, 'tensors')
  })

  it('is refused by a script that reads bodies itself, and by one that returns no tensors', async test => {
    const script = (text: string) => ({ 'sut/service.json': { entryScript: 'score.js' }, 'sut/score.js': text })
    const raw = await serve(test, script('export const init = () => {}; export const run = text => text.length'))
    assert.equal(codeOf(await raw.sendTensors({ data: Tensor.from('float32', [[1]]) })), 'TENSORS_NOT_TAKEN')
    const typed = await serve(
      test,
      script(`import { tensor } from 'scoring-functions'
        export const input = tensor([[1, 2]], 'float32')
        export const init = () => {}
        export const run = ({ data }) => (data.data[0] > 0 ? data : { sum: data.data[0] + data.data[1] })`),
    )
    const [same] = Object.values(outputsIn(await typed.sendTensors({ data: Tensor.from('float32', [[1, 2]]) })))
    assert.deepEqual((same as Tensor).toList(), [[1, 2]])
    const none = await typed.sendTensors({ data: Tensor.from('float32', [[-1, 2]]) })
    assert.equal(codeOf(none), 'OUTPUT_NOT_SERIALISABLE')
  })

  it.for([
    ['a list of numbers', "new Tensor('float32', [1, 2], [2])"],
    ['another array than that of its dtype', "new Tensor('float32', new Float64Array(2), [2])"],
    ['elements that cannot be sent', "new Tensor('string', [() => 1], [1])"],
    [
      'a shape that was changed',
      '(({ dtype, data }) => { const made = new Tensor(dtype, data, [2]); made.shape.push(7); return made })(data)',
    ],
    ['negative sizes', "new Tensor('float32', new Float32Array(1), [-1, -1])"],
    ['an unknown dtype', "new Tensor('float', new Float32Array(1), [1])"],
  ])('refuses a tensor that a script made of %s, at no cost to others', async ([, made], test) => {
    const { scheduler, sendTensors } = await serve(test, {
      'sut/service.json': { entryScript: 'score.js' },
      'sut/score.js': `import { Tensor, tensor } from 'scoring-functions'
        export const input = tensor([[1, 2]], 'float32')
        export const init = () => {}
        export const run = ({ data }) => (data.data[0] > 0 ? data : ${made})`,
    })
    const send = (first: number) => sendTensors({ data: Tensor.from('float32', [[first, 2]]) })
    const [before, bad, after] = await Promise.all([send(1), send(-1), send(3)])
    assert.deepEqual(
      [before, after].map(result => outputsIn(result).output?.toList()),
      [[[1, 2]], [[3, 2]]],
    )
    assert.equal(codeOf(bad), 'OUTPUT_NOT_SERIALISABLE')
    assert.equal(scheduler.activity.restarts, 0)
  })
})

/** To the rounding of float32. */
function assertClose(actual: unknown, expected: unknown): void {
  if (Array.isArray(expected)) {
    assert.ok(Array.isArray(actual) && actual.length === expected.length)
    for (const [index, each] of expected.entries()) assertClose(actual[index], each)
  } else if (typeof expected === 'number') {
    assert.ok(
      Math.abs(Number(actual) - expected) <= 1e-5 * Math.max(1, Math.abs(expected)),
      `${actual}, not ${expected}`,
    )
  } else if (typeof expected === 'object' && expected !== null) {
    for (const [name, each] of Object.entries(expected)) assertClose((actual as Record<string, unknown>)[name], each)
  } else assert.deepEqual(actual, expected)
}
