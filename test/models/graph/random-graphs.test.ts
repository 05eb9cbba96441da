import '../../../src/adapters/onnxruntime/telemetry-off.ts'

import assert from 'node:assert/strict'
import fc from 'fast-check'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, it } from 'vitest'
import { proveRowIndependence } from '../../../src/models/graph/prove-row-independence.ts'
import { readOnnxModel } from '../../../src/models/graph/read-onnx-model.ts'
import { type Constant, type Node, writeModel } from '../../support/onnx-writer.ts'

/** Numbers of one row of the input: `[rows, 2, 3]`. */
const rowLength = 6

/** One step from the value before it to the next, some of which mix rows, all of which may do so after another. */
const step = fc.oneof(
  fc.constantFrom('Relu', 'Sigmoid', 'Neg').map(op => ({ op })),
  fc.constantFrom(0, 1, -1).map(axis => ({ op: 'Softmax', attributes: { axis } })),
  fc
    .record({ op: fc.constant('ReduceMean'), axis: fc.constantFrom(0, 1, -1), keep: fc.constantFrom(0, 1) })
    .map(({ op, axis, keep }) => ({
      op,
      attributes: { axes: [axis], keepdims: keep },
    })),
  fc
    .constantFrom([1, 0], [1, 0, 2], [0, 2, 1], [2, 0, 1], [2, 1, 0])
    .map(perm => ({ op: 'Transpose', attributes: { perm } })),
  fc
    .constantFrom(
      [-1, 3],
      [-1, 2],
      [-1, 6],
      [-1, 4],
      [2, -1],
      [3, -1],
      [1, -1],
      [-1],
      [0, -1],
      [2, -1, 3],
      [-1, 2, 3],
      [3, -1, 2],
      [-1, 1],
    )
    .map(target => ({ op: 'Reshape', target })),
  fc.constantFrom([3], [2, 3], [1], [2, 1], [4, 2, 3]).map(shape => ({ op: 'Add', shape })),
  fc.constantFrom(1, 2, 3).map(back => ({ op: 'Add', back })),
  fc.constantFrom(0, 1, -1).map(axis => ({ op: 'Concat', attributes: { axis } })),
  fc.constantFrom(0, 1).map(axis => ({ op: 'CumSum', axis })),
)

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

function modelOf(steps: readonly Step[]) {
  const constants: (Constant & { name: string })[] = []
  const constant = (content: Constant) => {
    constants.push({ ...content, name: `c${constants.length}` })
    return `c${constants.length - 1}`
  }
  const nodes = steps.map((each, index): Node => {
    const inputs = [`v${index}`]
    if ('target' in each) inputs.push(constant({ dtype: 'int64', shape: [each.target.length], values: each.target }))
    if ('shape' in each) {
      const count = each.shape.reduce<number>((a, b) => a * b, 1)
      inputs.push(
        constant({ dtype: 'float32', shape: each.shape, values: Array.from({ length: count }, (_, at) => at - 1) }),
      )
    }
    if ('back' in each) inputs.push(`v${Math.max(0, index - each.back)}`)
    if ('axis' in each) inputs.push(constant({ dtype: 'int64', shape: [], values: [each.axis] }))
    if (each.op === 'Concat') inputs.push(`v${index}`)
    const attributes = 'attributes' in each ? each.attributes : {}
    return { op: each.op, inputs, outputs: [`v${index + 1}`], attributes }
  })
  const output = `v${steps.length}`
  return writeModel({
    nodes,
    constants,
    inputs: [['v0', 'float32', ['rows', 2, 3]]],
    outputs: [[output, 'float32', []]],
  })
}

/** The numbers of row `row` along `axis`. */
function rowOf({ data, dims }: { data: Float32Array; dims: readonly number[] }, axis: number, row: number): number[] {
  const inner = dims.slice(axis + 1).reduce((a, b) => a * b, 1)
  const rows = dims[axis] as number
  return [...data].filter((_, at) => Math.floor(at / inner) % rows === row)
}

describe('proveRowIndependence, on random graphs', () => {
  it('proves only graphs whose rows are answered alike together and alone', async () => {
    let proven = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 7 }), async steps => {
        const bytes = modelOf(steps)
        const proof = proveRowIndependence(readOnnxModel(bytes))
        if (proof.kind === 'dependent') return
        const [[output, axis]] = [...proof.rowAxes] as [[string, number]]
        // A graph may be proven that no number of rows can run.
        const session = await InferenceSession.create(bytes, { logSeverityLevel: 4 }).catch(() => undefined)
        if (!session) return
        const values = (rows: number, from: number) =>
          Float32Array.from(
            { length: rows * rowLength },
            (_, at) => Math.sin(from * rowLength + at) * (1 + (from * rowLength + at) ** 2),
          )
        const answer = async (rows: number, from: number) => {
          const feeds = { v0: new Tensor('float32', values(rows, from), [rows, 2, 3]) }
          const outputs = await session.run(feeds).catch(() => undefined)
          return (
            outputs && {
              data: outputs[output]?.data as Float32Array,
              dims: outputs[output]?.dims as number[],
            }
          )
        }
        for (const rows of [2, 3, 5]) {
          const together = await answer(rows, 0)
          // Such a run is thrown away, and each row gets its own run.
          if (!together || together.dims[axis] !== rows) continue
          const largest = Math.max(...together.data.map(Math.abs), 1e-6)
          for (let row = 0; row < rows; row++) {
            const alone = await answer(1, row)
            assert.ok(alone, 'a row that can be scored together can be scored by itself')
            const expected = [...alone.data]
            const actual = rowOf(together, axis, row)
            assert.equal(actual.length, expected.length)
            for (const [at, value] of actual.entries())
              assert.ok(
                Math.abs(value - (expected[at] as number)) <= 1e-3 * largest,
                `row ${row} of ${rows}: ${value} for ${expected[at]}`,
              )
          }
          proven++
        }
        await session.release()
      }),
      { numRuns: 1500 },
    )
    assert.ok(proven > 100, `only ${proven} runs of proven graphs`)
  })
})
