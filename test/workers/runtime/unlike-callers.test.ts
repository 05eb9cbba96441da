import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, it, type TestContext } from 'vitest'
import type { InferenceResult } from '../../../src/scheduling/inference-result.ts'
import { type Graph, writeModel } from '../../support/onnx-writer.ts'
import { codeOf, jsonOf, serve } from '../../support/scoring-scheduler.ts'

const cases = join(import.meta.dirname, '../../fixtures/cases')

/** `case.json`: what Python's onnxruntime was given, and what it answered. */
interface Case {
  readonly python_onnxruntime: {
    readonly given: Readonly<Record<string, { readonly values: unknown[] }>>
    readonly outputs: readonly (readonly [name: string, type: string, shape: unknown])[]
    readonly values: readonly { readonly values: unknown }[]
  }
}

async function serveCase(test: TestContext, name: string, definition: object = {}) {
  const served = await serve(test, {
    'sut/service.json': definition,
    'sut/1/model.onnx': await readFile(join(cases, name, 'model.onnx')),
  })
  const { python_onnxruntime: python } = JSON.parse(await readFile(join(cases, name, 'case.json'), 'utf8')) as Case
  const values = Object.fromEntries(Object.entries(python.given).map(([input, each]) => [input, each.values]))
  const answers = python.outputs.map(([output], index) => [output, python.values[index]?.values] as const)
  const [only, ...others] = answers
  return { ...served, values, pythons: others.length === 0 ? only?.[1] : Object.fromEntries(answers) }
}

describe('two callers whose inputs have unlike rows', () => {
  it('each get the answer that they get alone, from a model that takes such inputs', async test => {
    const { send, report } = await serveCase(test, 'shape_weights_shared_vector')
    assert.equal(report.isBatchable, true)
    const row = (value: number) => [value, value, value, value]
    // y = x * w, by hand
    const callers: [body: object, answer: string][] = [
      [
        { x: [[1, 2, 3, 4]], w: [row(1), row(2), row(3)] },
        '[[1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0], [3.0, 6.0, 9.0, 12.0]]',
      ],
      [
        { x: [row(1), row(5), row(9)], w: [row(10)] },
        '[[10.0, 10.0, 10.0, 10.0], [50.0, 50.0, 50.0, 50.0], [90.0, 90.0, 90.0, 90.0]]',
      ],
      [{ x: [row(3)], w: [row(2)] }, '[[6.0, 6.0, 6.0, 6.0]]'],
    ]
    const all = Array.from({ length: 120 }, (_, index) => callers[index % 3] as (typeof callers)[number])
    const answers = await Promise.all(all.map(([data]) => send({ data })))
    assert.deepEqual(
      answers.map(jsonOf),
      all.map(([, answer]) => answer),
    )
  })

  it('each get that answer, however many rows their inputs have', async test => {
    const { send } = await serveCase(test, 'shape_weights_shared_vector', { batching: { maxRows: 6 } })
    const rows = fc.array(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 8 })
    const matrix = (firsts: readonly number[]) => firsts.map(value => [value, value + 1, 2, 3])
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(rows, rows), { minLength: 1, maxLength: 12 }), async callers => {
        const answers = await Promise.all(callers.map(([x, w]) => send({ data: { x: matrix(x), w: matrix(w) } })))
        for (const [index, [x, w]] of callers.entries()) {
          const answer = answers[index] as InferenceResult
          // NumPy's rule: as many rows, or one for all
          if (x.length !== w.length && x.length > 1 && w.length > 1)
            assert.equal(codeOf(answer), 'INPUT_SHAPE_MISMATCH')
          else {
            const [left, right] = [matrix(x), matrix(w)]
            const product = Array.from({ length: Math.max(x.length, w.length) }, (_, row) =>
              [0, 1, 2, 3].map(
                column => (left[row % x.length]?.[column] as number) * (right[row % w.length]?.[column] as number),
              ),
            )
            assert.deepEqual(JSON.parse(jsonOf(answer)), product)
          }
        }
      }),
      { numRuns: 50 },
    )
  })

  it('are told so by a model that does not, and harm nobody beside them', async test => {
    const { send, report } = await serveCase(test, 'sk_columns_nozipmap')
    assert.equal(report.isBatchable, true)
    const passenger = { pclass: [3], sex: ['male'], age: [22], fare: [7.25], embarked: ['S'] }
    const other = { pclass: [1], sex: ['female'], age: [38], fare: [71.2833], embarked: ['C'] }
    const both = Object.fromEntries(
      Object.entries(passenger).map(([name, value]) => [name, [value, other[name as 'age']]]),
    )
    const first = Object.fromEntries(Object.entries(passenger).map(([name, value]) => [name, [value]]))
    const good = { data: both }
    const surplus = { data: { ...first, pclass: both.pclass } }
    const lack = { data: { ...both, pclass: first.pclass } }
    const alone = labelsOf(await send(good))
    assert.deepEqual(alone, [0, 1])
    const bodies = Array.from({ length: 120 }, (_, index) => [good, surplus, lack][index % 3])
    const answers = await Promise.all(bodies.map(send))
    for (const [index, answer] of answers.entries()) {
      if (bodies[index] === good) assert.deepEqual(labelsOf(answer), alone)
      else {
        assert.equal(codeOf(answer), 'INPUT_SHAPE_MISMATCH')
        const rows = bodies[index] === surplus ? '"pclass" has 2 rows, "sex" has 1' : '"pclass" has 1 row, "sex" has 2'
        assert.ok('message' in answer && answer.message.includes(rows), JSON.stringify(answer))
      }
    }
  })

  it('and 1,280 passengers one at a time get theirs, to the rounding of a run', async test => {
    const { send } = await serveCase(test, 'sk_columns_nozipmap')
    const passengerOf = (index: number) => ({
      pclass: [[1 + (index % 3)]],
      sex: [[index % 2 ? 'female' : 'male']],
      age: [[1 + ((index * 7) % 80)]],
      fare: [[5 + ((index * 13) % 200)]],
      embarked: [[['S', 'C', 'Q'][index % 3]]],
    })
    const kinds = 80
    const alone: InferenceResult[] = []
    for (let index = 0; index < kinds; index++) alone.push(await send({ data: passengerOf(index) }))
    const malformed = { ...passengerOf(0), age: [[1], [2]] }
    const wrong: number[] = []
    const connection = async (from: number) => {
      for (let index = from; index < 1280; index += 16) {
        const [answer, bad] = await Promise.all([
          send({ data: passengerOf(index % kinds) }),
          index % 5 === 0 ? send({ data: malformed }) : undefined,
        ])
        if (!isSame(answer, alone[index % kinds] as InferenceResult)) wrong.push(index)
        if (bad) assert.equal(codeOf(bad), 'INPUT_SHAPE_MISMATCH')
      }
    }
    await Promise.all(Array.from({ length: 16 }, (_, from) => connection(from)))
    assert.deepEqual(wrong, [])
  })
})

describe('what converters write', () => {
  const exports = [
    'catboost_classifier_binary',
    'lightgbm_classifier_default',
    'sk_columns_nozipmap',
    'sk_columns_zipmap',
    'sk_imputer_missing',
    'sk_logistic_default',
  ]
  for (const name of exports) {
    it(`shares runs, and gives each row what it gets alone: ${name}`, async test => {
      const { send, report, values } = await serveCase(test, name)
      assert.equal(report.isBatchable, true)
      const names = Object.keys(values)
      // Rows with missing values are another test's.
      const rowCount = (values[names[0] as string] as unknown[]).length
      const complete = Array.from({ length: rowCount }, (_, row) =>
        Object.fromEntries(names.map(input => [input, [values[input]?.[row]]])),
      ).filter(row => !JSON.stringify(row).includes('"nan"'))
      assert.ok(complete.length > 0)
      const alone: InferenceResult[] = []
      for (const data of complete) alone.push(await send({ data }))
      const many = Array.from({ length: 90 }, (_, index) => index % complete.length)
      const answers = await Promise.all(many.map(row => send({ data: complete[row] })))
      for (const [index, answer] of answers.entries())
        assertClose(JSON.parse(jsonOf(answer)), JSON.parse(jsonOf(alone[many[index] as number] as InferenceResult)))
    })
  }
})

describe('a model whose rows depend on each other', () => {
  const mixing = [
    'cross_basket_share',
    'cross_float_running_sum',
    'cross_int_minus_max',
    'cross_string_last_to_all',
    'cross_uint8_image_stretch',
  ]
  for (const name of mixing) {
    it(`answers as Python does, whatever else is called: ${name}`, async test => {
      const { send, report, values, pythons } = await serveCase(test, name)
      assert.equal(report.isBatchable, false)
      assert.match(
        report.notes.join(),
        /^micro-batching is off: the \w+ that gives "\w+" .*(over the axis of the rows|by their position in the request)$/,
      )
      const all = values.x as unknown[]
      const part = (from: number, to: number) => ({ data: all.slice(from, to) })
      const bodies = [part(0, 100), part(0, 1), part(99, 100), part(10, 40), part(50, 52)]
      const alone: string[] = []
      for (const body of bodies) alone.push(jsonOf(await send(body)))
      assertClose(JSON.parse(alone[0] as string), pythons)
      const many = Array.from({ length: 60 }, (_, index) => index % bodies.length)
      const answers = await Promise.all(many.map(index => send(bodies[index])))
      assert.deepEqual(
        answers.map(jsonOf),
        many.map(index => alone[index]),
      )
    })
  }
})

describe('a model with inputs that are no rows of each other', () => {
  for (const name of ['shape_query_against_documents', 'shape_unlike_first_dims', 'shape_no_shape']) {
    it(`is served one request a run, as Python answers: ${name}`, async test => {
      const { send, report, values, pythons } = await serveCase(test, name)
      assert.equal(report.isBatchable, false)
      const answers = await Promise.all(Array.from({ length: 20 }, () => send({ data: values })))
      for (const answer of answers) assertClose(JSON.parse(jsonOf(answer)), pythons)
    })
  }

  it('answers a request that replaces a default alone, beside those that do not', async test => {
    const { send, report, values, pythons } = await serveCase(test, 'shape_default_given')
    assert.equal(report.isBatchable, true)
    const { x } = values
    const plain = jsonOf(await send({ data: { x } }))
    const bodies = Array.from({ length: 60 }, (_, index) => ({ data: index % 2 ? values : { x } }))
    for (const [index, answer] of (await Promise.all(bodies.map(send))).entries()) {
      if (index % 2) assertClose(JSON.parse(jsonOf(answer)), pythons)
      else assert.equal(jsonOf(answer), plain)
    }
  })
})

describe('an output whose rows are not on its first axis', () => {
  const graph: Graph = {
    nodes: [
      { op: 'Transpose', inputs: ['x'], outputs: ['columns'], attributes: { perm: [1, 0] } },
      { op: 'Add', inputs: ['x', 'x'], outputs: ['twice'] },
    ],
    inputs: [['x', 'float32', ['n', 2]]],
    outputs: [
      ['columns', 'float32', [2, 'n']],
      ['twice', 'float32', ['n', 2]],
    ],
  }
  const expected = (rows: readonly (readonly number[])[]) => ({
    columns: [rows.map(([a]) => a), rows.map(([, b]) => b)],
    twice: rows.map(row => row.map(value => 2 * value)),
  })

  it('is cut where they are, for several callers and for slices of one', async test => {
    const { send, report } = await serve(test, {
      'sut/service.json': { batching: { maxRows: 5 } },
      'sut/1/model.onnx': writeModel(graph),
    })
    assert.equal(report.isBatchable, true)
    const callers = Array.from({ length: 40 }, (_, caller) =>
      Array.from({ length: 1 + (caller % 9) }, (__, row) => [caller, row]),
    )
    const answers = await Promise.all(callers.map(data => send({ data })))
    for (const [index, rows] of callers.entries())
      assert.deepEqual(JSON.parse(jsonOf(answers[index] as InferenceResult)), expected(rows))
  })

  it('is cut there too when it is the only one', async test => {
    const { send } = await serve(test, {
      'sut/service.json': { batching: { maxRows: 2 } },
      'sut/1/model.onnx': writeModel({ ...graph, nodes: graph.nodes.slice(0, 1), outputs: graph.outputs.slice(0, 1) }),
    })
    const answers = await Promise.all(
      [
        [[1, 2]],
        [
          [3, 4],
          [5, 6],
          [7, 8],
        ],
      ].map(data => send({ data })),
    )
    assert.deepEqual(
      answers.map(answer => JSON.parse(jsonOf(answer))),
      [
        [[1], [2]],
        [
          [3, 5, 7],
          [4, 6, 8],
        ],
      ],
    )
  })
})

function labelsOf(answer: InferenceResult): unknown {
  return (JSON.parse(jsonOf(answer)) as { label: unknown }).label
}

function isSame(one: InferenceResult, other: InferenceResult): boolean {
  try {
    assertClose(JSON.parse(jsonOf(one)), JSON.parse(jsonOf(other)))
    return true
  } catch {
    return false
  }
}

/** The same, but for the last digits of numbers. */
function assertClose(actual: unknown, expected: unknown): void {
  if (typeof expected === 'number' && typeof actual === 'number') {
    assert.ok(Math.abs(actual - expected) <= 1e-5 * Math.max(1, Math.abs(expected)), `${actual} for ${expected}`)
  } else if (typeof expected === 'object' && expected !== null && typeof actual === 'object' && actual !== null) {
    assert.deepEqual(Object.keys(actual), Object.keys(expected))
    for (const [key, value] of Object.entries(expected)) assertClose((actual as Record<string, unknown>)[key], value)
  } else assert.equal(actual, expected)
}
