import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import type { TensorInfo } from '../../src/models/session/model-session.ts'
import { decodeFeeds, type RowSettings } from '../../src/scripts/feeds.ts'
import { parseJson } from '../../src/tensor/json-source.ts'

const read = (text: string, inputs: readonly TensorInfo[], settings?: RowSettings) => {
  const json = parseJson(text, true)
  const feeds = decodeFeeds(json.value as Record<string, unknown>, inputs, settings, json)
  return Object.fromEntries(
    Object.entries(feeds).map(([name, { shape, data }]) => [name, { shape: [...shape], values: [...data] }]),
  )
}
const column = (name: string, dtype: TensorInfo['dtype'] = 'float64', isPair = true): TensorInfo => ({
  name,
  dtype,
  shape: isPair ? [-1, 1] : ['n'],
})

describe('decodeFeeds', () => {
  it('reads every form of a table to the same tensors', () => {
    const name = fc.oneof(
      fc.string({ minLength: 1, maxLength: 5 }),
      fc.constantFrom('data', 'columns', 'index', '__proto__', '10', '2', 'Inputs', 'input_data', 'constructor'),
    )
    const table = fc
      .record({
        names: fc.uniqueArray(name, { minLength: 2, maxLength: 4 }),
        arePairs: fc.boolean(),
        labels: fc.uniqueArray(fc.oneof(fc.nat(50).map(String), fc.string({ maxLength: 3 })), {
          minLength: 1,
          maxLength: 4,
        }),
      })
      .chain(shape =>
        fc.record({
          ...Object.fromEntries(Object.entries(shape).map(([key, value]) => [key, fc.constant(value)])),
          rows: fc.array(
            fc.array(
              fc.oneof(
                fc.double({ noDefaultInfinity: true, noNaN: true }).map(value => value + 0),
                fc.constant(null),
              ),
              {
                minLength: shape.names.length,
                maxLength: shape.names.length,
              },
            ),
            { minLength: shape.labels.length, maxLength: shape.labels.length },
          ),
        }),
      ) as fc.Arbitrary<{ names: string[]; arePairs: boolean; labels: string[]; rows: (number | null)[][] }>
    fc.assert(
      fc.property(table, ({ names, arePairs, labels, rows }) => {
        const inputs = names.map(each => column(each, 'float64', arePairs))
        const objectOf = (keys: readonly string[], values: readonly string[]) =>
          `{${keys.map((key, index) => `${JSON.stringify(key)}: ${values[index]}`).join(', ')}}`
        const list = (entries: readonly string[]) => `[${entries.join(', ')}]`
        const cells = rows.map(row => row.map(value => JSON.stringify(value)))
        const columns = names.map((_, at) => cells.map(row => row[at] as string))
        const backwards = objectOf(
          ['columns', 'data'],
          [JSON.stringify([...names].reverse()), list(cells.map(row => list([...row].reverse())))],
        )
        const forms = [
          objectOf(names, columns.map(list)),
          objectOf(
            names,
            columns.map(values => objectOf(labels, values)),
          ),
          list(cells.map(row => objectOf(names, row))),
          list(cells.map(list)),
          // An object cannot be both, and what the model declares goes first.
          ...(names.includes('columns') && names.includes('data') ? [] : [backwards]),
          // Labels that are names of inputs are taken for columns.
          ...(labels.some(label => names.includes(label))
            ? []
            : [
                objectOf(
                  labels,
                  cells.map(row => objectOf(names, row)),
                ),
              ]),
        ]
        const expected = Object.fromEntries(
          names.map((each, at) => [
            each,
            {
              shape: arePairs ? [rows.length, 1] : [rows.length],
              values: rows.map(row => row[at] ?? NaN),
            },
          ]),
        )
        for (const form of forms) assert.deepEqual(read(`{"data": ${form}}`, inputs), expected, form)
      }),
      { numRuns: 300 },
    )
  })

  it('prefers an input of the model to another meaning of its name', () => {
    const inputs = [column('data'), column('columns')]
    const expected = { data: { shape: [1, 1], values: [1] }, columns: { shape: [1, 1], values: [2] } }
    assert.deepEqual(read('{"data": {"columns": [2], "data": [1]}}', inputs), expected)
    assert.deepEqual(read('{"columns": [2], "data": [1]}', inputs), expected)
    assert.deepEqual(read('{"Inputs": [7]}', [column('Inputs')]), { Inputs: { shape: [1, 1], values: [7] } })
    // The only input of a script that declares `tensor(…)` is called "data".
    assert.deepEqual(read('{"data": {"columns": ["data"], "data": [[1]]}}', [column('data')]), {
      data: { shape: [1, 1], values: [1] },
    })
  })

  it('reads the values of a wide input by name if their names are known', () => {
    const inputs: TensorInfo[] = [{ name: 'x', dtype: 'float32', shape: ['n', 2] }]
    const settings = { columns: ['a', 'b'] }
    const expected = { x: { shape: [2, 2], values: [1, 2, 3, 4] } }
    for (const form of [
      '[[1, 2], [3, 4]]',
      '[{"b": 2, "a": 1}, {"a": 3, "b": 4}]',
      '{"b": [2, 4], "a": [1, 3]}',
      '{"columns": ["b", "a"], "data": [[2, 1], [4, 3]]}',
      '{"b": {"1": 2, "0": 4}, "a": {"1": 1, "0": 3}}',
      '{"x": [[1, 2], [3, 4]]}',
      '[{"x": [1, 2]}, {"x": [3, 4]}]',
    ]) {
      assert.deepEqual(read(`{"data": ${form}}`, inputs, settings), expected, form)
      assert.deepEqual(read(`{"input_data": ${form}}`, inputs, settings), expected, form)
    }
    assert.deepEqual(read('{"a": 1, "b": 2}', inputs, settings), { x: { shape: [1, 2], values: [1, 2] } })
    const refused = (form: string, code: string, message: RegExp) =>
      assert.throws(() => read(`{"data": ${form}}`, inputs, settings), { code, message })
    refused('[{"a": 1, "c": 2}]', 'INPUT_UNKNOWN', /row 0 has "c"; the model takes "a", "b"/)
    refused('{"a": [1, 2], "b": [1]}', 'INPUT_RAGGED', /"b" has 1 values, "a" has 2/)
    refused('{"columns": ["a", "c"], "data": [[1, 2]]}', 'INPUT_UNKNOWN', /"columns" has "c"/)
  })

  it('reshapes named values to the shape of the input', () => {
    const pixels: TensorInfo[] = [{ name: 'x', dtype: 'uint8', shape: ['n', 1, 2, -1] }]
    assert.deepEqual(read('{"data": [{"d": 4, "c": 3, "b": 2, "a": 1}]}', pixels, { columns: ['a', 'b', 'c', 'd'] }), {
      x: { shape: [1, 1, 2, 2], values: [1, 2, 3, 4] },
    })
    assert.deepEqual(read('{"data": [{"a": 4}]}', [column('x', 'int32', false)], { columns: ['a'] }), {
      x: { shape: [1], values: [4] },
    })
  })

  it('reads wide inputs beside others from records too', () => {
    const inputs: TensorInfo[] = [column('age'), { name: 'pixels', dtype: 'uint8', shape: ['n', 2] }]
    assert.deepEqual(read('{"data": [{"age": 1, "pixels": [2, 3]}, {"age": 4, "pixels": [5, 6]}]}', inputs), {
      age: { shape: [2, 1], values: [1, 4] },
      pixels: { shape: [2, 2], values: [2, 3, 5, 6] },
    })
  })

  it('reads integers above 2^53 as floats beside an integer input that reads them exactly', () => {
    const inputs = [column('id', 'int64'), column('size', 'float64')]
    assert.deepEqual(read('{"data": [{"id": 9007199254740993, "size": 9007199254740993}]}', inputs), {
      id: { shape: [1, 1], values: [9007199254740993n] },
      size: { shape: [1, 1], values: [9007199254740992] },
    })
  })

  it('requires one size for dimensions with the same name, whatever the form', () => {
    const inputs: TensorInfo[] = [column('a', 'float32', false), column('b', 'float32', false)]
    assert.throws(() => read('{"data": {"a": [1, 2], "b": [1]}}', inputs), { code: 'INPUT_SHAPE_MISMATCH' })
  })
})
